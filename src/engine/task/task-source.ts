import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { SourceNode } from '../../plan/node.ts';

/** One partition that the task reads; its position in `Task.inputs` names it in journal records. */
export interface TaskInput {
  /** Undefined for what comes from an earlier stage. */
  readonly source: SourceNode | undefined;
  /** Place of the operator that reads it. */
  readonly vertex: number;
  readonly topic: string;
  readonly partition: number;
}

/** Bytes of record batches of one partition, in kernel memory. */
export interface SourceChunk {
  readonly partition: number;
  readonly address: number;
  readonly length: number;
  /** Rows outside of [from, to) are not of this epoch. */
  readonly from: number;
  readonly to: number;
  /** The run is over bounded input: no row is too far in the future. */
  readonly bounded: boolean;
}

/** What a task reads at one place of its graph, with what is known of event time there. */
export interface TaskSource {
  /** Hands on the rows of a chunk; returns how many. */
  process(chunk: SourceChunk): number;
  /** Ends an epoch. `idle`: whether a partition is silent, for sources that do not know themselves. */
  advance(clockMs: number, idle: (partition: number) => boolean): void;
  /** The watermark, µs. */
  readonly current: bigint;
  /** The watermark of one partition alone. */
  ofPartition(partition: number): bigint;
  /** Nobody is expected to send anything. */
  readonly isIdle: boolean;
  /** The watermark is there by decision: the input has ended. */
  raise(time: bigint): void;
  /** Wall clock at which the watermark reaches `time` if nothing comes; undefined when that waits for somebody. */
  reachesAtMs(time: bigint): number | undefined;
  snapshot(writer: ByteWriter): void;
  restore(reader: ByteReader): void;
  close(): void;
}
