import { HeadraceError } from '../base/error.ts';

/**
 * The published vector: for every partition the high watermark and the log start, in shared memory, for any thread.
 * A sequence lock keeps readers from seeing half a round: odd while the writer is at work.
 *
 * ```
 * int32 0: sequence
 * float64 1: commit number
 * float64 2 + 4 s: high watermark of slot s, -1 when it is gone
 *         3 + 4 s: log start
 *         4 + 4 s: base offset of the active segment, -1 when there is none
 *         5 + 4 s: bytes of it that are visible
 * ```
 *
 * Every publication notifies waiters of int32 0 (`Atomics.wait` on the value of {@link sequence}).
 */
const SEQUENCE = 0;
const COMMIT = 1;
const SLOTS = 2;
const NUMBERS_PER_SLOT = 4;
/** High watermark of a partition that was deleted. */
const GONE = -1;

export interface SlotBounds {
  highWatermark: number;
  logStart: number;
  activeBase: number;
  activeLength: number;
}

export class VisibilityVector {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #numbers: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 0, 2);
    this.#numbers = new Float64Array(memory);
  }

  static create(slots: number): VisibilityVector {
    return new VisibilityVector(new SharedArrayBuffer(8 * (SLOTS + NUMBERS_PER_SLOT * slots)));
  }

  get slots(): number {
    return (this.#numbers.length - SLOTS) / NUMBERS_PER_SLOT;
  }

  /** Runs `write` with readers held off. One writer only: the thread that owns the log. */
  publish(commit: number, write: (vector: this) => void): void {
    Atomics.add(this.#words, SEQUENCE, 1);
    this.#numbers[COMMIT] = commit;
    write(this);
    Atomics.add(this.#words, SEQUENCE, 1);
    Atomics.notify(this.#words, SEQUENCE);
  }

  /** Within {@link publish}. */
  set(slot: number, bounds: Readonly<SlotBounds>): void {
    const at = SLOTS + NUMBERS_PER_SLOT * slot;
    this.#numbers[at] = bounds.highWatermark;
    this.#numbers[at + 1] = bounds.logStart;
    this.#numbers[at + 2] = bounds.activeBase;
    this.#numbers[at + 3] = bounds.activeLength;
  }

  /** Within {@link publish}: the partition was deleted. */
  release(slot: number): void {
    this.set(slot, { highWatermark: GONE, logStart: 0, activeBase: -1, activeLength: 0 });
  }

  /** Word to wait on, and its value now. */
  get waitWord(): Int32Array {
    return this.#words;
  }

  sequence(): number {
    return Atomics.load(this.#words, SEQUENCE);
  }

  /** Commit number and bounds of one slot, of one moment. @returns false when the partition is gone */
  read(slot: number, into: SlotBounds): boolean {
    const at = SLOTS + NUMBERS_PER_SLOT * slot;
    for (;;) {
      const before = Atomics.load(this.#words, SEQUENCE);
      into.highWatermark = this.#numbers[at]!;
      into.logStart = this.#numbers[at + 1]!;
      into.activeBase = this.#numbers[at + 2]!;
      into.activeLength = this.#numbers[at + 3]!;
      if ((before & 1) === 0 && Atomics.load(this.#words, SEQUENCE) === before) return into.highWatermark !== GONE;
    }
  }

  /** The high watermarks of several slots at one commit: what a query pins. */
  snapshot(slots: readonly number[]): { readonly commit: number; readonly highWatermarks: readonly number[] } {
    for (;;) {
      const before = Atomics.load(this.#words, SEQUENCE);
      const commit = this.#numbers[COMMIT]!;
      const highWatermarks = slots.map((slot) => this.#numbers[SLOTS + NUMBERS_PER_SLOT * slot]!);
      if ((before & 1) === 0 && Atomics.load(this.#words, SEQUENCE) === before) return { commit, highWatermarks };
    }
  }
}

export function slotMissing(topic: string, partition: number): HeadraceError {
  return new HeadraceError(`reading ${topic}/${partition}: the log has no such partition`, {
    code: 'LOG_UNKNOWN_TOPIC',
    domain: 'log',
    next: 'create the topic, or check its name and the number of its partitions',
  });
}
