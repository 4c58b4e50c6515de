import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { WATERMARK_MAX, WATERMARK_MIN } from './batch.ts';

/** What an epoch decided about time; journaled, since it depends on reading speed and clock. */
export interface TimeDecision {
  /** Wall clock of the epoch, milliseconds; never goes back. */
  readonly clockMs: number;
  /** Whether the partition (by its position in the source) is idle: silent for its idle time and read to its end. */
  readonly idle: (partition: number) => boolean;
}

/**
 * Event time of one source. A partition's watermark is the largest event time seen in it less the delay; the source's is
 * the least over its live partitions, and it never goes back. When all are idle it goes on from the largest of them at
 * the speed of the wall clock. A pure function of rows and journaled decisions.
 */
export class SourceWatermark {
  readonly #delayUs: bigint;
  /** The partitions that are read here. */
  readonly #own: readonly number[];
  /** Largest event time per partition; WATERMARK_MIN when none was seen. */
  readonly #largest: bigint[];
  #current = WATERMARK_MIN;
  #allIdleSinceMs: number | undefined;
  #idleBase = WATERMARK_MIN;

  /** `isOwn`: of a source whose partitions several tasks share. One that has none of them holds nobody back. */
  constructor(partitions: number, delayUs: bigint, isOwn: (partition: number) => boolean = () => true) {
    this.#delayUs = delayUs;
    this.#own = Array.from({ length: partitions }, (_, partition) => partition).filter(isOwn);
    if (this.#own.length < partitions && this.#own.length === 0) this.#current = WATERMARK_MAX;
    this.#largest = new Array<bigint>(partitions).fill(WATERMARK_MIN);
  }

  get current(): bigint {
    return this.#current;
  }

  /** All its partitions are silent; also when it has none. */
  get isIdle(): boolean {
    return this.#own.length === 0 || this.#allIdleSinceMs !== undefined;
  }

  largest(partition: number): bigint {
    return this.#largest[partition] ?? WATERMARK_MIN;
  }

  setLargest(partition: number, time: bigint): void {
    if (time > this.largest(partition)) this.#largest[partition] = time;
  }

  /** The partition's own watermark. */
  ofPartition(partition: number): bigint {
    const largest = this.largest(partition);
    return largest === WATERMARK_MIN ? WATERMARK_MIN : largest - this.#delayUs;
  }

  /** Ends an epoch: returns the watermark of the source. */
  advance(decision: TimeDecision): bigint {
    let least: bigint | undefined;
    let most = WATERMARK_MIN;
    for (const p of this.#own) {
      const own = this.ofPartition(p);
      if (own > most) most = own;
      if (!decision.idle(p) && (least === undefined || own < least)) least = own;
    }
    const target = least === undefined ? this.#whileAllIdle(decision.clockMs, most) : least;
    if (least !== undefined) this.#allIdleSinceMs = undefined;
    if (target > this.#current) this.#current = target;
    return this.#current;
  }

  /** Every window that ends at or before `time` is closed by decision: the input has ended. */
  raise(time: bigint): void {
    if (time > this.#current) this.#current = time;
  }

  #whileAllIdle(clockMs: number, most: bigint): bigint {
    if (this.#allIdleSinceMs === undefined) {
      this.#allIdleSinceMs = clockMs;
      this.#idleBase = most > this.#current ? most : this.#current;
    }
    if (this.#idleBase === WATERMARK_MIN) return this.#idleBase;
    return this.#idleBase + BigInt(Math.max(0, clockMs - this.#allIdleSinceMs)) * 1000n;
  }

  /** Wall clock at which the watermark reaches `time` if every partition stays idle; undefined when they are not all idle. */
  reachesAtMs(time: bigint): number | undefined {
    if (this.#allIdleSinceMs === undefined || this.#idleBase === WATERMARK_MIN) return undefined;
    if (time <= this.#idleBase) return this.#allIdleSinceMs;
    return this.#allIdleSinceMs + Number((time - this.#idleBase + 999n) / 1000n);
  }

  snapshot(writer: ByteWriter): void {
    writer.varint(this.#largest.length);
    for (const time of this.#largest) writer.i64(time);
    writer.i64(this.#current);
    writer.i64(this.#idleBase);
    writer.u8(this.#allIdleSinceMs === undefined ? 0 : 1);
    writer.u64(this.#allIdleSinceMs ?? 0);
  }

  restore(reader: ByteReader): void {
    const partitions = reader.unsigned();
    for (let p = 0; p < partitions; p++) this.#largest[p] = reader.i64();
    this.#current = reader.i64();
    this.#idleBase = reader.i64();
    const idle = reader.u8() === 1;
    const since = reader.u64();
    this.#allIdleSinceMs = idle ? since : undefined;
  }
}
