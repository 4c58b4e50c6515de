import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { offset } from '../base/brand.ts';
import { utf8 } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import type { Log } from '../log/log.ts';
import { openLog } from '../log/open.ts';
import { decodeRecordBatches } from '../log/record-batch.ts';
import { compileSchema } from '../schema/topic-schema.ts';
import { createMetrics } from '../telemetry/registry.ts';
import type { SweptIngest } from './acceptor.ts';
import { createIngest } from './create-ingest.ts';
import { DEAD_LETTER_TOPIC, type IngestFormat, type IngestRequest } from './ingest.ts';

let dataDir: string;
let log: Log;
let ingest: SweptIngest;
const schema = compileSchema({ type: 'object', required: ['id'], properties: { id: { type: 'string' } } });

const topic = (name: string, partitions: number, keyPath?: readonly string[]) =>
  log.createTopic({
    name,
    partitions,
    kind: 'append',
    retentionMs: undefined,
    retentionBytes: undefined,
    segmentBytesMax: 1024 * 1024,
    keyPath,
    properties: {},
  });

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'headrace-group-'));
  log = await openLog({ dataDir, clock: systemClock });
  ingest = await createIngest({ log, clock: systemClock, metrics: createMetrics(), schemas: () => schema });
  await topic('plain', 1);
  await topic('keyed', 3, ['id']);
});

afterEach(async () => {
  await log.close();
  rmSync(dataDir, { recursive: true });
});

function send(to: string, body: string, format: IngestFormat = 'json', more: Partial<IngestRequest> = {}) {
  const principal = { id: 'local', scopes: ['admin'] } as const;
  return ingest.accept({ topic: to, principal, body: utf8(body), format, idempotencyKey: undefined, ...more });
}

/** Record batches of a partition, each as its values. */
function batches(of: string, partition = 0): { base: number; values: string[] }[] {
  const reader = log.reader(of, partition, offset(0));
  const target = new Uint8Array(8 * 1024 * 1024);
  const found: { base: number; values: string[] }[] = [];
  for (let bytes = reader.readInto(target); bytes > 0; bytes = reader.readInto(target)) {
    for (const batch of decodeRecordBatches(target.subarray(0, bytes))) {
      const entries = [...batch.entries()];
      found.push({ base: entries[0]!.offset, values: entries.map(({ value }) => Buffer.from(value!).toString()) });
    }
  }
  reader.close();
  return found;
}

const values = (of: string, partition = 0) => batches(of, partition).flatMap((batch) => batch.values);

describe('small bodies that arrive together', () => {
  it('share one record batch, in the order of the calls, each told its own offset', async () => {
    const answers = await Promise.all(['a', 'b', 'c'].map((id) => send('plain', `{"id":"${id}"}`)));
    expect(batches('plain').map((batch) => batch.values)).toEqual([['{"id":"a"}', '{"id":"b"}', '{"id":"c"}']]);
    expect(answers.map((answer) => answer.placements[0]!.baseOffset)).toEqual([0, 1, 2]);
    expect(answers[1]).toEqual({
      topic: 'plain',
      accepted: 1,
      refused: 0,
      refusals: [],
      placements: [{ partition: 0, baseOffset: 1, records: 1 }],
      replayed: false,
    });
  });

  it('are never overtaken by a larger body that is sent after them', async () => {
    await Promise.all([send('plain', '{"id":"small"}'), send('plain', '{"id":"x"}\n{"id":"y"}\n', 'ndjson')]);
    expect(values('plain')).toEqual(['{"id":"small"}', '{"id":"x"}', '{"id":"y"}']);
  });

  it('leave the exact bytes of each, without the newline of NDJSON', async () => {
    await Promise.all([send('plain', '{"id": "ü"}\r\n', 'ndjson'), send('plain', '{"id":"\\u0041" }\n', 'ndjson')]);
    expect(values('plain')).toEqual(['{"id": "ü"}', '{"id":"\\u0041" }']);
  });

  it('harm no other when one is bad: it gets the answer that it would have had alone', async () => {
    const [good, wrong, broken, after] = await Promise.allSettled([
      send('plain', '{"id":"a"}'),
      send('plain', '{"id":1}'),
      send('plain', '{"id":'),
      send('plain', '{"id":"b"}'),
    ]);
    expect(good).toMatchObject({ status: 'fulfilled', value: { accepted: 1 } });
    expect(wrong).toMatchObject({
      value: { accepted: 0, refused: 1, refusals: [{ line: 1, reason: 'schema', pointer: '/id' }] },
    });
    expect(broken).toMatchObject({ value: { accepted: 0, refusals: [{ line: 1, reason: 'malformed' }] } });
    expect(after).toMatchObject({ value: { accepted: 1, placements: [{ baseOffset: 1 }] } });
    expect(values('plain')).toEqual(['{"id":"a"}', '{"id":"b"}']);
    expect(values(DEAD_LETTER_TOPIC)).toHaveLength(2);
  });

  it('that hold more than one value are refused as they are alone', async () => {
    const [two] = await Promise.allSettled([send('plain', '{"id":"a"} {"id":"b"}'), send('plain', '{"id":"c"}')]);
    expect(two).toMatchObject({ value: { accepted: 0, refusals: [{ line: 1, reason: 'malformed' }] } });
    expect(values('plain')).toEqual(['{"id":"c"}']);
  });

  it('go to the partition of their key, each told the place of its own record', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ maxLength: 8 }), { minLength: 1, maxLength: 40 }), async (ids) => {
        const bodies = ids.map((id) => JSON.stringify({ id }));
        const answers = await Promise.all(bodies.map((body) => send('keyed', body)));
        const stored = [0, 1, 2].map((partition) => values('keyed', partition));
        answers.forEach(({ placements }, i) => {
          expect(placements).toHaveLength(1);
          expect(stored[placements[0]!.partition]![placements[0]!.baseOffset]).toBe(bodies[i]);
        });
      }),
      { numRuns: 20 },
    );
  });

  it('arrive at every event exactly once when there are more than a batch takes', async () => {
    const bodies = Array.from({ length: 5_000 }, (_, i) => `{"id":"${i}"}`);
    await Promise.all(bodies.map((body) => send('plain', body)));
    expect(values('plain')).toEqual(bodies);
    expect(batches('plain').length).toBeLessThan(10);
  });
});
