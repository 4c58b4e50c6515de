import type { DecodedBatch } from '../kernel/json-decoder.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { encodeRecordBatches } from '../kernel/record-batch.ts';
import type { Append } from '../log/log.ts';
import type { FramedGroup, FrameGroupInput, GroupedRow } from './framer.ts';
import type { TopicDecoder } from './topic-decoder.ts';

const LF = 0x0a;

/**
 * Frames bodies of one line each as one NDJSON input. A body counts only if its line is one row that passes; for any other
 * the caller asks again alone, so that the answer is the same as if it had come alone.
 */
export function frameGroup(
  kernel: Kernel,
  topicDecoder: TopicDecoder,
  input: FrameGroupInput,
  stickyPartition: number,
  allocate: (bytes: number) => Uint8Array,
): FramedGroup {
  const { pointer, bytes } = placeLines(kernel, input.bodies);
  topicDecoder.decoder.begin();
  const batch = topicDecoder.decoder.decode('lines', pointer, bytes);
  const { topic, timestamp } = input;
  const assignment = kernel.arenaAlloc(Math.max(batch.selected, 1) * 4);
  const encoded = encodeRecordBatches(kernel, {
    rows: batch.rows,
    values: batch.facts.valueStart,
    lengths: batch.facts.valueLength,
    selection: batch.selection,
    selected: batch.selected,
    keys: topicDecoder.hasKey ? batch.columns[0] : undefined,
    timestamp,
    partitions: topic.partitions,
    stickyPartition,
    assignment,
    allocate,
  });
  const appends: Append[] = encoded.map((one) => ({ topic: topic.name, ...one }));
  return { appends, rows: rowsOf(kernel, batch, assignment, appends, input.bodies.length) };
}

function placeLines(kernel: Kernel, bodies: readonly Uint8Array[]): { pointer: number; bytes: number } {
  let bytes = 0;
  for (const body of bodies) bytes += body.length + 1;
  const pointer = kernel.arenaInput(bytes);
  const memory = kernel.u8();
  let at = pointer;
  for (const body of bodies) {
    memory.set(body, at);
    at += body.length;
    memory[at++] = LF;
  }
  return { pointer, bytes };
}

/** Rows keep their order within a partition: a row's position is the number of rows of its partition before it. */
function rowsOf(
  kernel: Kernel,
  batch: DecodedBatch,
  assignment: number,
  appends: readonly Append[],
  bodies: number,
): readonly (GroupedRow | undefined)[] {
  const rows = new Array<GroupedRow | undefined>(bodies).fill(undefined);
  const words = kernel.u32();
  const counts = new Map(appends.map(({ partition }, append) => [partition, { append, rows: 0 }]));
  for (let i = 0; i < batch.selected; i++) {
    const row = batch.selection === 0 ? i : words[(batch.selection >>> 2) + i]!;
    const line = words[(batch.facts.line >>> 2) + row]!;
    const count = counts.get(words[(assignment >>> 2) + i]!)!;
    rows[line - 1] = { append: count.append, position: count.rows++ };
  }
  return rows;
}
