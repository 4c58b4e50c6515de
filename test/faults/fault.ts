/** One kind of harm that the world does to the process, and what must hold while it lasts and afterwards. */
export interface Fault {
  readonly name: string;
  readonly does: string;
  /** Why it cannot be done on this machine; it is counted as skipped then. */
  missing?(): string | undefined;
  /** Times that `--rounds` stands for when it is not given. */
  readonly rounds: number;
  /** @throws Error when an invariant does not hold */
  run(context: FaultContext): Promise<Readonly<Record<string, unknown>>>;
}

export interface FaultContext {
  readonly rounds: number;
  readonly seed: number;
  /** In [0, 1), from the seed. */
  readonly random: () => number;
}

/** @throws Error with the message, when it does not hold */
export function check(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Error(message);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks again until there is an answer. @throws Error after `msMax`, with the last state */
export async function until<T>(
  what: string,
  msMax: number,
  ask: () => Promise<T | undefined> | T | undefined,
  state: () => string = () => '',
): Promise<T> {
  const deadline = performance.now() + msMax;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`waiting for ${what}: not within ${msMax} ms: ${state()}`);
    await sleep(10);
  }
}
