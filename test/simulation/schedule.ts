/** One thing that is ready to run. */
interface Ready {
  readonly lane: string;
  readonly run: () => void;
}

/** What the simulator did, as numbers that another run of the same seed must come to. */
export class Trace {
  #hash = 0x811c9dc5;
  #lines = 0;
  readonly #show: ((line: string) => void) | undefined;

  constructor(show?: (line: string) => void) {
    this.#show = show;
  }

  add(line: string): void {
    for (let i = 0; i < line.length; i++) this.#hash = Math.imul(this.#hash ^ line.charCodeAt(i), 0x01000193);
    this.#show?.(`${this.#lines++} ${line}`);
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }
}

/** How often a lane that is slow for a while gets its turn, against one that is not. */
const SLOW_PART = 0.05;

/**
 * Decides what runs next. Whatever would be left to the event loop, to threads or to the disk is a lane here: in a lane
 * things happen in order, and the seed chooses among the lanes. Between two turns all promises that are settled go on.
 */
export class Schedule {
  readonly #random: () => number;
  readonly #trace: Trace;
  readonly #lanes = new Map<string, Ready[]>();
  readonly #slow = new Set<string>();
  turns = 0;

  constructor(random: () => number, trace: Trace) {
    this.#random = random;
    this.#trace = trace;
  }

  /** Something of a lane is ready to run. */
  post(lane: string, run: () => void): void {
    const waiting = this.#lanes.get(lane);
    if (waiting === undefined) this.#lanes.set(lane, [{ lane, run }]);
    else waiting.push({ lane, run });
  }

  /** The `setImmediate` of those who run on a lane. */
  soonOn(lane: string): (callback: () => void) => void {
    return (callback) => this.post(lane, callback);
  }

  /** Resolves when the lane has its turn. */
  turnOf(lane: string): Promise<void> {
    return new Promise((resolve) => this.post(lane, resolve));
  }

  /** A process has died: nothing of its lanes runs any more. */
  drop(prefix: string): void {
    for (const lane of [...this.#lanes.keys()]) if (lane.startsWith(prefix)) this.#lanes.delete(lane);
  }

  /** From now on the lanes whose name holds `part` run seldom; undefined ends it. */
  slow(part: string | undefined): void {
    this.#slow.clear();
    if (part !== undefined) this.#slow.add(part);
  }

  /** Lets all that was settled go on, then runs one thing; false when nothing is ready. */
  async turn(): Promise<boolean> {
    await settled();
    const lane = this.#choose();
    if (lane === undefined) return false;
    this.turns++;
    const waiting = this.#lanes.get(lane)!;
    const { run } = waiting.shift()!;
    if (waiting.length === 0) this.#lanes.delete(lane);
    this.#trace.add(lane);
    run();
    return true;
  }

  #choose(): string | undefined {
    const { size } = this.#lanes;
    if (size === 0) return undefined;
    for (let tries = 0; ; tries++) {
      let at = Math.floor(this.#random() * size);
      for (const lane of this.#lanes.keys()) {
        if (at-- > 0) continue;
        if (tries < 20 && this.#isSlow(lane) && this.#random() > SLOW_PART) break;
        return lane;
      }
    }
  }

  #isSlow(lane: string): boolean {
    for (const part of this.#slow) if (lane.includes(part)) return true;
    return false;
  }
}

/** Every promise that can go on without the simulator has gone on. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
