import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { SourceDecodeOperator } from '../operator/source/source-decode.ts';
import type { SourceWatermark } from '../operator/watermark.ts';
import type { SourceChunk, TaskSource } from './task-source.ts';

/** A source topic, or the partitions of it that the task reads. */
export class LogSource implements TaskSource {
  readonly #decoder: SourceDecodeOperator;
  readonly #watermark: SourceWatermark;

  constructor(decoder: SourceDecodeOperator, watermark: SourceWatermark) {
    this.#decoder = decoder;
    this.#watermark = watermark;
  }

  process(chunk: SourceChunk): number {
    return this.#decoder.process(chunk);
  }

  advance(clockMs: number, idle: (partition: number) => boolean): void {
    this.#watermark.advance({ clockMs, idle });
  }

  get current(): bigint {
    return this.#watermark.current;
  }

  ofPartition(partition: number): bigint {
    return this.#watermark.ofPartition(partition);
  }

  get isIdle(): boolean {
    return this.#watermark.isIdle;
  }

  raise(time: bigint): void {
    this.#watermark.raise(time);
  }

  reachesAtMs(time: bigint): number | undefined {
    return this.#watermark.reachesAtMs(time);
  }

  snapshot(writer: ByteWriter): void {
    this.#watermark.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.#watermark.restore(reader);
  }

  close(): void {
    this.#decoder.close();
  }
}
