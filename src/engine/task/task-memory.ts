import { HeadraceError } from '../../base/error.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Vertex } from './compile.ts';
import type { WorkClock } from './work-clock.ts';

/** What one operator holds. */
export interface HeldState {
  readonly id: string;
  readonly keys: number;
  readonly bytes: number;
}

/** What engines of JavaScript say when a collection or a buffer is as large as it can be. */
const TOO_LARGE = /maximum size exceeded|allocation failed|Invalid (array|typed array) length|Invalid string length/;

/**
 * Keeps a task within its memory. The kernel refuses what is beyond the limit by itself; state that JavaScript holds is counted as the
 * operators estimate it. Whatever is refused ends the task with an error that names the operator: its state is discarded, and comes
 * back from the snapshot and the journal when the pipeline is started with more.
 */
export class TaskMemory {
  readonly #pipeline: string;
  readonly #kernel: Kernel;
  readonly #vertices: readonly Vertex[];
  readonly #work: WorkClock;

  constructor(pipeline: string, kernel: Kernel, vertices: readonly Vertex[], work: WorkClock) {
    this.#pipeline = pipeline;
    this.#kernel = kernel;
    this.#vertices = vertices;
    this.#work = work;
  }

  #held(): HeldState[] {
    return this.#vertices.map(({ id, operator }) => ({ id, ...(operator?.state() ?? { keys: 0, bytes: 0 }) }));
  }

  /**
   * Does the work, and tells a lack of memory as such: also one that somebody on the way took for the failure of a row.
   * @throws HeadraceError `ENGINE_OUT_OF_MEMORY`
   */
  within<Result>(work: () => Result): Result {
    try {
      const result = work();
      const { exhaustion } = this.#kernel;
      if (exhaustion !== undefined) throw exhaustion;
      return result;
    } catch (error) {
      const cause = this.#kernel.exhaustion ?? (isTooLarge(error) ? error : undefined);
      if (cause === undefined) throw error;
      const current = this.#work.current;
      const operator = current === undefined ? undefined : this.#vertices[current]?.id;
      throw outOfMemory(this.#pipeline, this.#kernel.memoryBytesMax, this.#held(), operator, cause);
    }
  }

  /** To be called now and then while state grows. @throws HeadraceError `ENGINE_OUT_OF_MEMORY` */
  check(): void {
    let bytes = 0;
    for (const { operator } of this.#vertices) bytes += operator?.state().bytes ?? 0;
    if (bytes <= this.#kernel.memoryBytesMax) return;
    throw outOfMemory(this.#pipeline, this.#kernel.memoryBytesMax, this.#held());
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof RangeError && TOO_LARGE.test(error.message);
}

/** `operator`: the one that asked for more; the largest without it. */
export function outOfMemory(
  pipeline: string,
  bytesMax: number,
  held: readonly HeldState[],
  operator?: string,
  cause?: unknown,
): HeadraceError {
  const largest = held.reduce<HeldState | undefined>(
    (most, one) => (one.bytes > (most?.bytes ?? 0) ? one : most),
    undefined,
  );
  const named = held.find(({ id }) => id === operator) ?? largest;
  const parts = [named, largest === named ? undefined : largest].flatMap((one) =>
    one === undefined ? [] : [stateText(one)],
  );
  const total = held.reduce((sum, { bytes }) => sum + bytes, 0);
  const who = named === undefined ? '' : ` at operator ${named.id}`;
  const what = parts.length === 0 ? '' : `: ${parts.join(', ')}, all operators ${mebibytes(total)}`;
  return new HeadraceError(
    `running pipeline "${pipeline}": the memory of its worker (${mebibytes(bytesMax)}) is used up${who}${what}`,
    {
      code: 'ENGINE_OUT_OF_MEMORY',
      domain: 'engine',
      cause,
      next: 'nothing is lost: raise engine.worker_memory_max and start it again, or keep less state (a shorter window, time-to-live or bound of a join)',
    },
  );
}

function stateText({ id, keys, bytes }: HeldState): string {
  return `${id} holds ${mebibytes(bytes)} of ${keys} keys or rows`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
