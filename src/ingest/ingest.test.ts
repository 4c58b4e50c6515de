import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { offset } from '../base/brand.ts';
import { utf8 } from '../base/bytes.ts';
import { ManualClock, systemClock } from '../base/clock.ts';
import type { Log } from '../log/log.ts';
import { openLog } from '../log/open.ts';
import { decodeRecordBatches } from '../log/record-batch.ts';
import { compileFullValidator, compileSchema, type TopicSchema } from '../schema/topic-schema.ts';
import { createMetrics } from '../telemetry/registry.ts';
import type { SweptIngest } from './acceptor.ts';
import { createIngest } from './create-ingest.ts';
import { DEAD_LETTER_TOPIC, type DeadLetter, type IngestFormat, type IngestRequest, type Turn } from './ingest.ts';
import { IDEMPOTENCY_KEEP_MS, type IngestLimits, REFUSED_ROWS_MAX } from './limits.ts';

let dataDir: string;
let log: Log;
let ingest: SweptIngest;
const clock = new ManualClock(1_700_000_000_000);
const schemas = new Map<string, TopicSchema>();

async function open(limits: Partial<IngestLimits> = {}): Promise<void> {
  log = await openLog({ dataDir, clock: systemClock });
  ingest = await createIngest({ log, clock, metrics: createMetrics(), limits, schemas: (topic) => schemas.get(topic) });
}

const topic = (name: string, partitions = 1, keyPath?: readonly string[]) =>
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
  dataDir = mkdtempSync(join(tmpdir(), 'headrace-ingest-'));
  schemas.clear();
  await open();
  await topic('orders');
});

afterEach(async () => {
  await log.close();
  rmSync(dataDir, { recursive: true });
});

function send(body: string | Uint8Array, format: IngestFormat = 'ndjson', more: Partial<IngestRequest> = {}) {
  return ingest.accept({
    topic: 'orders',
    principal: { id: 'local', scopes: ['admin'] },
    body: typeof body === 'string' ? utf8(body) : body,
    format,
    idempotencyKey: undefined,
    ...more,
  });
}

function records(of: string, partition = 0): { key: string | null; value: string; timestamp: number }[] {
  const reader = log.reader(of, partition, offset(0));
  const target = new Uint8Array(64 * 1024 * 1024);
  const found: { key: string | null; value: string; timestamp: number }[] = [];
  for (let bytes = reader.readInto(target); bytes > 0; bytes = reader.readInto(target)) {
    for (const batch of decodeRecordBatches(target.subarray(0, bytes))) {
      for (const { key, value, timestamp } of batch.entries()) {
        found.push({ key: key && Buffer.from(key).toString(), value: Buffer.from(value!).toString(), timestamp });
      }
    }
  }
  reader.close();
  return found;
}
const values = (of: string, partition = 0) => records(of, partition).map((record) => record.value);
const letters = () => values(DEAD_LETTER_TOPIC).map((value) => JSON.parse(value) as DeadLetter);

describe('a body', () => {
  it('of NDJSON is stored line by line, byte for byte, with the time of receipt', async () => {
    const result = await send('{"a": 1.10}\n\n{"b":"ü"}\r\n');
    expect(result).toMatchObject({
      accepted: 2,
      refused: 0,
      placements: [{ partition: 0, baseOffset: 0, records: 2 }],
    });
    expect(records('orders').map((r) => [r.value, r.timestamp])).toEqual([
      ['{"a": 1.10}', clock.now()],
      ['{"b":"ü"}', clock.now()],
    ]);
  });

  it('of an array is stored element by element', async () => {
    await send(' [ {"a":1} , {"a":2} ]', 'json');
    expect(values('orders')).toEqual(['{"a":1}', '{"a":2}']);
  });

  it('of one object is one record', async () => {
    expect((await send('{"a":\n1}', 'json')).accepted).toBe(1);
    expect(values('orders')).toEqual(['{"a":\n1}']);
  });

  it('of CSV becomes JSON by the schema, numbers exact, empty fields and unnamed columns left out', async () => {
    schemas.set('orders', compileSchema({ properties: { n: { type: 'number' }, s: { type: 'string' } } }));
    await send(',n,s,at\r\n0,12.340,007,2022-01-01 00:05:31\r\n1,,"a ""b""\n,c",\r\n', 'csv');
    expect(values('orders')).toEqual([
      '{"n":12.340,"s":"007","at":"2022-01-01 00:05:31"}',
      '{"s":"a \\"b\\"\\u000a,c"}',
    ]);
  });

  it('with nothing in it does nothing', async () => {
    expect(await send('\n')).toMatchObject({ accepted: 0, refused: 0 });
  });

  it('of more than a batch of rows arrives whole and in order', async () => {
    const lines = Array.from({ length: 70_000 }, (_, i) => `{"i":${i}}`);
    expect((await send(lines.join('\n'))).accepted).toBe(70_000);
    expect(values('orders')).toEqual(lines);
  });

  it('is spread by the key, equal keys together and in order', async () => {
    await topic('keyed', 4, ['user', 'id']);
    const result = await send(
      '{"user":{"id":"a"},"n":1}\n{"user":{"id":"b"}}\n{"user":{"id":"a"},"n":2}\n{"x":1}',
      'ndjson',
      {
        topic: 'keyed',
      },
    );
    expect(result.accepted).toBe(4);
    const all = [0, 1, 2, 3].map((partition) =>
      records('keyed', partition)
        .filter((r) => r.key === 'a')
        .map((r) => r.value),
    );
    expect(all.filter((found) => found.length > 0)).toEqual([
      ['{"user":{"id":"a"},"n":1}', '{"user":{"id":"a"},"n":2}'],
    ]);
  });
});

describe('a refused record', () => {
  it('goes to dead letters with its bytes, reason and receipt time, and harms no other', async () => {
    const result = await send('{"a":1}\n{"a":\n{"a":3}');
    expect(result).toMatchObject({ accepted: 2, refused: 1, refusals: [{ line: 2, reason: 'malformed' }] });
    expect(letters()).toMatchObject([
      { topic: 'orders', reason: 'malformed', value: '{"a":', receivedAt: clock.now() },
    ]);
  });

  it('that breaks the schema is named by its JSON pointer', async () => {
    schemas.set(
      'orders',
      compileSchema({ required: ['id'], properties: { p: { properties: { q: { minimum: 3 } } } } }),
    );
    const { refusals } = await send('{"id":1,"p":{"q":2}}\n{"p":{}}\n{"id":2}');
    expect(refusals).toEqual([
      { line: 1, reason: 'schema', pointer: '/p/q', message: 'must be >= 3' },
      { line: 2, reason: 'schema', pointer: '/id', message: 'required property "id" is missing' },
    ]);
  });

  it('is found by the fallback where the kernel cannot', async () => {
    schemas.set('orders', compileSchema({ properties: { s: { type: 'string', pattern: '^x' } } }));
    const result = await send('{"s":"xa"}\n{"s":"ya"}\n{"s":1}');
    expect(result.accepted).toBe(1);
    expect(result.refusals.map((r) => [r.line, r.pointer])).toEqual(
      expect.arrayContaining([
        [2, '/s'],
        [3, '/s'],
      ]),
    );
  });

  it('with bytes that are no UTF-8 keeps them as base64', async () => {
    await send(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d));
    expect(letters()).toMatchObject([{ reason: 'utf8', base64: 'eyL/Ijoxfq=='.replace('fq==', 'fQ==') }]);
  });

  it('is too long, or too deep', async () => {
    await log.close();
    await open({ lineBytesMax: 100, depthMax: 10 });
    const result = await send(`{"a":"${'x'.repeat(200)}"}\n{"a":1}\n${'['.repeat(20)}${']'.repeat(20)}\n`);
    expect(result.accepted).toBe(1);
    expect(result.refusals.map((r) => [r.line, r.reason])).toEqual(
      expect.arrayContaining([
        [1, 'too_large'],
        [3, 'depth'],
      ]),
    );
  });

  it('nested ten thousand levels deep does no harm', async () => {
    expect(await send(`${'['.repeat(10_000)}${']'.repeat(10_000)}\n{"a":1}`)).toMatchObject({
      accepted: 1,
      refused: 1,
    });
  });

  it('of CSV with other fields than the header keeps its line', async () => {
    const { refusals, accepted } = await send('a,b\n1,2\n3\n4,5\n"6', 'csv');
    expect(accepted).toBe(2);
    expect(refusals.map((r) => [r.line, r.message])).toEqual([
      [3, '1 fields where the header has 2'],
      [5, 'a quoted field is not closed'],
    ]);
  });

  it('that the caller could not read goes the same way', async () => {
    const rejects = [{ bytes: utf8('???'), reason: 'malformed', message: 'no log line', line: 9 }];
    expect(await send('', 'ndjson', { rejects })).toMatchObject({ accepted: 0, refused: 1 });
    expect(letters()).toMatchObject([{ value: '???', message: 'line 9: no log line' }]);
  });
});

describe('a body that breaks off', () => {
  it.each([
    ['an array', '[{"a":1},{"a":', 'ends too early'],
    ['a malformed array', '[{"a":1} {"a":2}]', 'malformed'],
  ])('as %s is refused whole, with the place', async (_case, body, message) => {
    await expect(send(body, 'json')).rejects.toThrow(message);
    expect(values('orders')).toEqual([]);
  });

  it('as another kind of text is refused whole rather than line by line', async () => {
    const body = 'x\n'.repeat(REFUSED_ROWS_MAX + 1);
    await expect(send(body)).rejects.toMatchObject({ code: 'INGEST_REFUSALS_TOO_MANY' });
    expect(letters()).toEqual([]);
  });
});

describe('a request', () => {
  it('for an unknown topic names the command that makes it, and the topic that was meant', async () => {
    await expect(send('{}', 'json', { topic: 'order' })).rejects.toMatchObject({
      code: 'INGEST_UNKNOWN_TOPIC',
      message: expect.stringMatching(/did you mean "orders".*headrace topics create order$/),
    });
  });

  it('for a system topic is refused', async () => {
    await expect(send('{}', 'json', { topic: '_audit' })).rejects.toMatchObject({ code: 'INGEST_TOPIC_RESERVED' });
  });

  it('that is small and comes while a round is on its way is in the next one, not in the one after it', async () => {
    await topic('others');
    const before = log.stats().rounds;
    const meanwhile = new Promise<void>((resolve, reject) => {
      const unsubscribe = log.beforeRound(() => {
        unsubscribe();
        queueMicrotask(() => {
          Promise.all([send('{"a":2}', 'json'), send('[{"a":3},{"a":4}]', 'json', { topic: 'others' })]).then(
            () => resolve(),
            reject,
          );
        });
      });
    });
    await send('{"a":1}', 'json');
    await meanwhile;
    expect(log.stats().rounds - before).toBe(2);
  });

  it('under overload is refused, retryably', async () => {
    const slow = await createIngest({
      log: Object.assign(Object.create(log), {
        topic: (name: string) => log.topic(name),
        pendingBytes: () => 1e9,
        beforeRound: () => () => {},
      }),
      clock,
      metrics: createMetrics(),
      schemas: () => undefined,
    });
    const request = {
      topic: 'orders',
      principal: { id: 'local', scopes: [] },
      body: utf8('{}'),
      format: 'json',
    } as const;
    await expect(slow.accept({ ...request, idempotencyKey: undefined })).rejects.toMatchObject({
      code: 'INGEST_OVERLOADED',
      retryable: true,
    });
  });

  it('that waits for its turn is waiting already: the next one is refused before it has one', async () => {
    const one = await createIngest({
      log,
      clock,
      metrics: createMetrics(),
      schemas: () => undefined,
      limits: { pendingBytesMax: 1_000 },
    });
    const turns: (() => void)[] = [];
    const turn: Turn = (work) => new Promise((resolve, reject) => turns.push(() => work().then(resolve, reject)));
    const request = {
      topic: 'orders',
      principal: { id: 'local', scopes: [] },
      body: utf8(JSON.stringify({ a: 'x'.repeat(900) })),
      format: 'json',
      idempotencyKey: undefined,
      turn,
    } as const;
    const first = one.accept(request);
    await expect(one.accept(request)).rejects.toMatchObject({ code: 'INGEST_OVERLOADED' });
    expect(turns).toHaveLength(1);
    turns[0]!();
    expect(await first).toMatchObject({ accepted: 1 });
  });

  it('commits the puts of its caller with its events', async () => {
    await send('{"a":1}', 'json', { puts: [{ space: 'connector', key: 'c', value: utf8('7') }] });
    expect(Buffer.from(log.ledgerGet('connector', 'c')!).toString()).toBe('7');
  });
});

describe('an idempotent request', () => {
  const key = { idempotencyKey: 'k1' };

  it('sent twice is applied once and answered alike', async () => {
    const first = await send('{"a":1}\nx', 'ndjson', key);
    const second = await send('{"a":1}\nx', 'ndjson', key);
    expect(second).toEqual({ ...first, replayed: true });
    expect([values('orders').length, letters().length]).toEqual([1, 1]);
  });

  it('sent twice at once is applied once', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => send('{"a":1}', 'json', key)));
    expect(answers.map((answer) => answer.replayed).sort()).toEqual([false, true, true]);
    expect(values('orders').length).toBe(1);
  });

  it('is remembered over a restart', async () => {
    await send('{"a":1}', 'json', key);
    await log.close();
    await open();
    expect(await send('{"a":1}', 'json', key)).toMatchObject({ accepted: 1, replayed: true });
    expect(values('orders').length).toBe(1);
  });

  it('with another body conflicts', async () => {
    await send('{"a":1}', 'json', key);
    await expect(send('{"a":2}', 'json', key)).rejects.toMatchObject({ code: 'INGEST_IDEMPOTENCY_CONFLICT' });
  });

  it('of another principal or topic is another request', async () => {
    await topic('other');
    await send('{"a":1}', 'json', key);
    const results = [
      await send('{"a":2}', 'json', { ...key, topic: 'other' }),
      await send('{"a":3}', 'json', { ...key, principal: { id: 'user:b', scopes: ['write'] } }),
    ];
    expect(results.map((result) => result.replayed)).toEqual([false, false]);
  });

  it('is forgotten after a day', async () => {
    await send('{"a":1}', 'json', key);
    clock.advance(IDEMPOTENCY_KEEP_MS);
    expect(await ingest.sweep()).toEqual({ removed: 1 });
    expect((await send('{"a":2}', 'json', key)).replayed).toBe(false);
  });
});

describe('ingest and the full validator', () => {
  it('agree on generated documents', async () => {
    const json = {
      type: 'object',
      required: ['id'],
      properties: {
        id: { type: ['string', 'integer'], minLength: 2, maximum: 5 },
        at: { type: 'string', format: 'date-time' },
        day: { format: 'date' },
        uuid: { format: 'uuid' },
        kind: { enum: ['a', 'bé', ''] },
        n: { exclusiveMinimum: 0, maximum: 1e3 },
        o: { type: ['object', 'null'], required: ['x'], properties: { x: { type: 'boolean' }, 'y/z': { const: 'q' } } },
        even: { multipleOf: 2 },
      },
    };
    schemas.set('orders', compileSchema(json));
    const full = compileFullValidator(json);
    const scalar = fc.constantFrom<unknown>(
      'a',
      'bé',
      '',
      'aa',
      '😀',
      0,
      1,
      2,
      2.5,
      7,
      -1,
      1e3,
      1001,
      1e300,
      null,
      true,
      [],
      {},
      'q',
      '2024-02-29',
      '2023-02-29',
      '2024-01-01T00:00:00Z',
      '2024-01-01T00:00:00.123456789+01:30',
      '2024-01-01 00:00:00Z',
      '2024-01-01T24:00:00Z',
      '2016-12-31T23:59:60Z',
      '2016-12-31T23:58:60Z',
      '2024-01-01T00:00:00',
      '2024-1-1',
      '0000-01-01',
      '01234567-89ab-CDEF-0123-456789abcdef',
      '0123456789abcdef0123456789abcdef',
    );
    const member = fc.oneof(scalar, fc.dictionary(fc.constantFrom('x', 'y/z', 'w'), scalar, { maxKeys: 3 }));
    const names = fc.constantFrom('id', 'at', 'day', 'uuid', 'kind', 'n', 'o', 'even', 'more');
    const document = fc.oneof(
      { weight: 9, arbitrary: fc.dictionary(names, member, { maxKeys: 5 }) },
      { weight: 1, arbitrary: scalar },
    );
    const documents = fc.sample(document, { numRuns: 3_000, seed: 7 });
    const lines = documents.map((value) => JSON.stringify(value));
    await send(lines.join('\n'));
    expect(values('orders')).toEqual(lines.filter((_, i) => full(documents[i]).length === 0));
  });
});
