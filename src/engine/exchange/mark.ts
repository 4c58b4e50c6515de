import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { MARK_RECORD } from './block-format.ts';

/** What one task says of the event time of one source. */
export interface SourceMark {
  /** What comes after is not behind it, but for what its own partition had passed. */
  readonly watermark: bigint;
  /** All its partitions are silent: it holds nobody back. */
  readonly idle: boolean;
}

/** Up to where a task has read a partition of a source: rows that follow come from there or later. */
export interface SourcePosition {
  /** Place among the sources of the pipeline. */
  readonly source: number;
  readonly partition: number;
  readonly offset: number;
}

/** What a task of an exchange says to those that follow at the end of an epoch. */
export interface Mark {
  readonly sources: readonly SourceMark[];
  readonly positions: readonly SourcePosition[];
}

export function encodeMark({ sources, positions }: Mark): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(64));
  writer.u8(MARK_RECORD);
  writer.varint(sources.length);
  for (const { watermark, idle } of sources) {
    writer.i64(watermark);
    writer.u8(idle ? 1 : 0);
  }
  writer.varint(positions.length);
  for (const { source, partition, offset } of positions) {
    writer.varint(source);
    writer.varint(partition);
    writer.u64(offset);
  }
  return writer.written().slice();
}

/** Of a record that is a mark. */
export function decodeMark(bytes: Uint8Array): Mark {
  const reader = new ByteReader(bytes);
  reader.u8();
  const sources = Array.from({ length: reader.unsigned() }, () => ({
    watermark: reader.i64(),
    idle: reader.u8() === 1,
  }));
  const positions = Array.from({ length: reader.unsigned() }, () => ({
    source: reader.unsigned(),
    partition: reader.unsigned(),
    offset: reader.u64(),
  }));
  return { sources, positions };
}

export function sameSources(a: readonly SourceMark[] | undefined, b: readonly SourceMark[]): boolean {
  return a?.every(({ watermark, idle }, i) => watermark === b[i]!.watermark && idle === b[i]!.idle) ?? false;
}

/** The least of each partition; undefined when somebody has not said. */
export function leastOrigins(
  said: readonly (readonly SourcePosition[] | undefined)[],
): readonly SourcePosition[] | undefined {
  const least = new Map<string, SourcePosition>();
  for (const positions of said) {
    if (positions === undefined) return undefined;
    for (const position of positions) {
      const key = `${position.source}/${position.partition}`;
      const known = least.get(key);
      if (known === undefined || position.offset < known.offset) least.set(key, position);
    }
  }
  return [...least.values()];
}
