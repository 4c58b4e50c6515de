import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSection } from '../../base/config/option-set.ts';
import { parseYaml } from '../../base/config/yaml-section.ts';
import type { SinkConnector } from '../connector.ts';
import { SinkWorld, TOPIC } from '../sink.fixture.ts';
import { createHttpSink, type HttpAnswer, type HttpRequest } from './http-sink.ts';
import { HTTP_SINK_OPTIONS } from './http-sink-options.ts';

interface Seen {
  readonly key: string;
  readonly type: string;
  readonly authorization: string | undefined;
  readonly body: string;
  readonly signal: AbortSignal;
}

let world: SinkWorld;
let sinks: SinkConnector[];
let seen: Seen[];
/** What the receiver does with a request; the rows of one that it accepts, by key. */
let answer: (seen: Seen) => Partial<HttpAnswer> | Promise<Partial<HttpAnswer>>;

const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ n: from + i }));
const numbersOf = ({ body }: Seen): number[] =>
  body
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { n: number }).n);

beforeEach(async () => {
  world = await SinkWorld.open();
  sinks = [];
  seen = [];
  answer = () => ({ status: 200 });
});
afterEach(async () => {
  for (const sink of sinks) await sink.stop();
  await world.close();
});

async function post({ headers, body, signal }: HttpRequest): Promise<HttpAnswer> {
  const request = {
    key: headers['idempotency-key']!,
    type: headers['content-type']!,
    authorization: headers.authorization,
    body: Buffer.from(body).toString(),
    signal,
  };
  seen.push(request);
  return { status: 200, text: '', retryAfterMs: undefined, ...(await answer(request)) };
}

function open(yaml = '', token?: () => Promise<string>): SinkConnector {
  const section = parseYaml(`url: https://example.com/hook?secret=1\nbatch_wait: 0 s\n${yaml}`, 'sink');
  const options = readSection(HTTP_SINK_OPTIONS, section);
  const sink = createHttpSink('s', TOPIC, options, { ...world.parts, post, ...(token && { token }) });
  sinks.push(sink);
  sink.start();
  return sink;
}

describe('an HTTP sink', () => {
  it('sends rows in order, in batches with a key of their own', async () => {
    await world.append(rows(0, 5));
    await open('batch_rows: 2', async () => 't0ken').drained();
    expect(seen.map(numbersOf)).toEqual([[0, 1], [2, 3], [4]]);
    expect(seen.map(({ key }) => key)).toEqual(['s:rows:0:0-1', 's:rows:0:2-3', 's:rows:0:4-4']);
    expect(seen[0]).toMatchObject({ type: 'application/x-ndjson', authorization: 'Bearer t0ken' });
  });

  it('sends an array when it is asked to', async () => {
    await world.append(rows(0, 2));
    await open('format: json').drained();
    expect(seen[0]).toMatchObject({ type: 'application/json', body: '[{"n":0},{"n":1}]' });
  });

  it.each([429, 500, 503, 401, 404, 302])('repeats what was answered with %i, under the same key', async (status) => {
    answer = () => ({ status: seen.length < 3 ? status : 204 });
    await world.append(rows(0, 2));
    const sink = open();
    await sink.drained();
    expect(seen.map(({ key }) => key)).toEqual(Array.from({ length: 3 }, () => 's:rows:0:0-1'));
    expect(sink.status()).toMatchObject({ records: 2, refused: 0, error: undefined });
    expect(world.deadLetters()).toEqual([]);
  });

  it('repeats what was not answered, and does not show the whole address', async () => {
    let sink: SinkConnector | undefined;
    let message: string | undefined;
    answer = () => {
      message ??= sink?.status().error?.message;
      if (seen.length < 3) throw new Error('connection refused');
      return {};
    };
    await world.append(rows(0, 2));
    sink = open();
    await sink.drained();
    expect(message).toBe('sending to https://example.com: connection refused');
  });

  it('puts only the rows at fault to dead letters, with the answer', async () => {
    answer = (request) => (numbersOf(request).includes(3) ? { status: 422, text: 'n must not be 3' } : {});
    await world.append(rows(0, 8));
    const sink = open();
    await sink.drained();
    const accepted = seen.filter((request) => !numbersOf(request).includes(3)).flatMap(numbersOf);
    expect(accepted.sort()).toEqual([0, 1, 2, 4, 5, 6, 7]);
    expect(sink.status()).toMatchObject({ records: 7, refused: 1 });
    expect(world.deadLetters()).toMatchObject([
      {
        topic: TOPIC,
        partition: 0,
        offset: 3,
        reason: 'sink',
        operator: 'sink:s',
        value: '{"n":3}',
        message: 'sending to https://example.com: it answered 422 n must not be 3',
      },
    ]);
  });

  it('repeats the very same batch after a crash, though more has come since', async () => {
    await world.append(rows(0, 3));
    let commits = 0;
    world.beforeCommit = () => {
      // The first is of the start, the second announces the batch, the third would be of its delivery.
      commits += 1;
      if (commits > 2) throw new Error('the process is gone');
    };
    await open()
      .drained()
      .catch(() => undefined);
    await sinks.pop()!.stop();
    await world.reopen();
    world.beforeCommit = () => {};
    await world.append(rows(3, 6));
    await open().drained();
    expect(seen.map(({ key }) => key)).toEqual(['s:rows:0:0-2', 's:rows:0:0-2', 's:rows:0:3-5']);
  });

  it('stops while it waits for an answer', async () => {
    let asked = (): void => {};
    const waiting = new Promise<void>((resolve) => {
      asked = resolve;
    });
    answer = ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
        asked();
      });
    await world.append(rows(0, 1));
    const sink = open();
    await waiting;
    await sink.stop();
    expect(sink.status()).toMatchObject({ state: 'stopped', lagRecords: 1 });
  });
});
