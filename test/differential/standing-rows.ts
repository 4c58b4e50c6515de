import { textOf } from '../../src/base/bytes.ts';
import type { EngineWorld } from '../../src/engine/engine-world.fixture.ts';
import { decodeRecordBatches } from '../../src/log/record-batch.ts';
import type { OutputNode } from '../../src/plan/node.ts';

/** The rows that a view has now, whatever the mode of its topic. */
export function standingRows(
  world: EngineWorld,
  { topic, mode }: OutputNode,
): readonly Readonly<Record<string, unknown>>[] {
  const rows: string[] = [];
  const byKey = new Map<string, string>();
  const reader = world.log.reader(topic, 0, world.log.bounds(topic, 0).logStart);
  const buffer = new Uint8Array(2 ** 20);
  for (let length = reader.readInto(buffer); length > 0; length = reader.readInto(buffer)) {
    for (const batch of decodeRecordBatches(buffer.subarray(0, length))) {
      for (const { key, value, headers } of batch.entries()) {
        if (mode === 'upsert') {
          if (value === null) byKey.delete(textOf(key!));
          else byKey.set(textOf(key!), textOf(value));
          continue;
        }
        const text = textOf(value!);
        const goes = headers.some((header) => header.key === 'op' && textOf(header.value!) === 'd');
        if (goes) rows.splice(rows.indexOf(text), 1);
        else rows.push(text);
      }
    }
  }
  reader.close();
  const standing = mode === 'upsert' ? [...byKey.values()] : rows;
  return standing.map((text) => JSON.parse(text) as Record<string, unknown>);
}
