import { textOf } from '../src/base/bytes.ts';
import type { EngineWorld } from '../src/engine/engine-world.fixture.ts';
import { decodeRecordBatches } from '../src/log/record-batch.ts';
import type { OutputNode } from '../src/plan/node.ts';

/** The rows of a view as its topic says they stand, as JSON texts: appended, the last of each key, or what came and did not go. */
export function standingRows(world: EngineWorld, { topic, mode }: Pick<OutputNode, 'topic' | 'mode'>): string[] {
  const appended: string[] = [];
  const byKey = new Map<string, string>();
  const counts = new Map<string, number>();
  const partitions = world.log.topic(topic)?.partitions ?? 0;
  const buffer = new Uint8Array(2 ** 20);
  for (let partition = 0; partition < partitions; partition++) {
    const reader = world.log.reader(topic, partition, world.log.bounds(topic, partition).logStart);
    for (let length = reader.readInto(buffer); length > 0; length = reader.readInto(buffer)) {
      for (const batch of decodeRecordBatches(buffer.subarray(0, length))) {
        for (const { key, value, headers } of batch.entries()) {
          if (mode === 'upsert') {
            if (value === null) byKey.delete(textOf(key!));
            else byKey.set(textOf(key!), textOf(value));
            continue;
          }
          const text = textOf(value!);
          if (mode === 'append') appended.push(text);
          else counts.set(text, (counts.get(text) ?? 0) + (goes(headers) ? -1 : 1));
        }
      }
    }
    reader.close();
  }
  if (mode === 'append') return appended;
  return mode === 'upsert' ? [...byKey.values()] : repeated(counts, topic);
}

const goes = (headers: readonly { readonly key: string; readonly value: Uint8Array | null }[]): boolean =>
  headers.some((header) => header.key === 'op' && textOf(header.value!) === 'd');

function repeated(counts: ReadonlyMap<string, number>, topic: string): string[] {
  const rows: string[] = [];
  for (const [text, count] of counts) {
    if (count < 0) throw new Error(`topic ${topic} takes back a row that never came: ${text}`);
    for (let i = 0; i < count; i++) rows.push(text);
  }
  return rows;
}
