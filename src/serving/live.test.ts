import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { createLiveStreams, type LiveRequest, type LiveStreams } from './live.ts';
import type { LiveStream } from './live-stream.ts';
import { ManualDefer, MemoryLog } from './memory-log.fixture.ts';
import type { JsonRow, LiveFrame } from './serving.ts';
import { createTables, type Tables } from './tables.ts';
import { PAGE_COLUMNS, viewNode } from './view.fixture.ts';

let log: MemoryLog;
let turns: ManualDefer;
let clock: ManualClock;
let tables: Tables;
let live: LiveStreams;

beforeEach(() => {
  log = new MemoryLog();
  turns = new ManualDefer();
  clock = new ManualClock();
  log.addTopic('pages', 'upsert');
  tables = createTables({ log, clock, defer: turns.defer });
  live = createLiveStreams({ log, clock, tables, defer: turns.defer, bufferFramesMax: 4 });
  tables.add('traffic', viewNode('pages', PAGE_COLUMNS, [0]));
});

const hit = (page: string, hits: number) => log.put('pages', [[page, { page, hits }]]);

/** The frames that are there without anything new being written. */
async function drain(stream: LiveStream): Promise<LiveFrame[]> {
  const frames: LiveFrame[] = [];
  for (;;) {
    const batch = await pull(stream);
    if (batch === undefined) return frames;
    frames.push(...batch);
  }
}

const pulls = new WeakMap<LiveStream, Promise<IteratorResult<readonly LiveFrame[], undefined>>>();

/** One batch, or undefined when the stream waits for something new or has ended. */
async function pull(stream: LiveStream): Promise<readonly LiveFrame[] | undefined> {
  const pending = pulls.get(stream) ?? stream.next();
  pulls.set(stream, pending);
  let result: IteratorResult<readonly LiveFrame[], undefined> | undefined;
  let failure: unknown;
  pending.then(
    (value) => {
      result = value;
    },
    (error) => {
      failure = error;
    },
  );
  for (let round = 0; round < 20 && result === undefined && failure === undefined; round++) {
    turns.run();
    for (let tick = 0; tick < 10; tick++) await Promise.resolve();
  }
  if (failure !== undefined) {
    pulls.delete(stream);
    throw failure;
  }
  if (result === undefined) return undefined;
  pulls.delete(stream);
  return result.value;
}

const open = (request: Partial<LiveRequest> = {}) => live.open({ id: 'pages', ...request });
const brief = (frames: readonly LiveFrame[]) => frames.map((f) => `${f.op} ${f.key} ${f.row?.hits ?? '-'} ${f.offset}`);

describe('a live stream of a view', () => {
  it('gives the present rows, then caught-up, then changes', async () => {
    hit('a', 1);
    hit('b', 1);
    turns.run();
    const stream = await open();
    expect(brief(await drain(stream))).toEqual(['snapshot a 1 ', 'snapshot b 1 ', 'caught-up null - 0:2']);
    hit('a', 2);
    log.put('pages', [['b', null]]);
    expect(brief(await drain(stream))).toEqual(['upsert a 2 0:3', 'delete b - 0:4']);
  });

  it('has neither a gap nor an overlap when rows change while the snapshot is being taken', async () => {
    hit('a', 1);
    turns.run();
    const stream = await open();
    hit('a', 2);
    turns.run();
    hit('b', 1);
    expect(brief(await drain(stream))).toEqual([
      'snapshot a 1 ',
      'caught-up null - 0:1',
      'upsert a 2 0:2',
      'upsert b 1 0:3',
    ]);
  });

  it('is the table at every moment, whatever the interleaving', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), key: fc.constantFrom('a', 'b', 'c'), gone: fc.boolean() }),
      fc.record({ kind: fc.constant('turn' as const) }),
      fc.record({ kind: fc.constant('open' as const) }),
      fc.record({ kind: fc.constant('pull' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const world = new MemoryLog();
        world.addTopic('pages', 'upsert', 2);
        const views = createTables({ log: world, clock, defer: turns.defer });
        const table = views.add('traffic', viewNode('pages', PAGE_COLUMNS, [0]));
        const streams = createLiveStreams({ log: world, clock, tables: views, defer: turns.defer, bufferFramesMax: 3 });
        const followers: { stream: LiveStream; rows: Map<string | null, JsonRow | null> }[] = [];
        let written = 0;
        for (const s of steps) {
          if (s.kind === 'put') {
            const row = s.gone ? null : { page: s.key, hits: written++ };
            world.put('pages', [[s.key, row]], 0, s.key === 'a' ? 0 : 1);
          } else if (s.kind === 'turn') turns.step();
          else if (s.kind === 'open') followers.push({ stream: await streams.open({ id: 'pages' }), rows: new Map() });
          else for (const f of followers) apply(f.rows, (await pull(f.stream)) ?? []);
        }
        turns.run();
        const expected = new Map([...table.rows()].map((row) => [row.page, row.hits]));
        for (const f of followers) {
          apply(f.rows, await drain(f.stream));
          expect(new Map([...f.rows].map(([key, row]) => [key, row?.hits]))).toEqual(expected);
        }
        streams.close();
      }),
      { numRuns: 150 },
    );
  });

  it('delivers a change in the turn that follows the commit', async () => {
    const stream = await open({ snapshot: false });
    await drain(stream);
    const next = stream.next();
    hit('a', 1);
    turns.step();
    expect(brief((await next).value ?? [])).toEqual(['upsert a 1 0:1']);
  });

  it('without a snapshot begins with what comes from now on', async () => {
    hit('a', 1);
    turns.run();
    const stream = await open({ snapshot: false });
    expect(brief(await drain(stream))).toEqual(['caught-up null - 0:1']);
  });

  it('gives every subscriber the same frame object', async () => {
    const [one, two] = [await open(), await open()];
    await drain(one);
    await drain(two);
    hit('a', 1);
    expect((await drain(one))[0]).toBe((await drain(two))[0]);
  });
});

describe('resuming', () => {
  it('goes on after the offset of the last frame, without a snapshot', async () => {
    hit('a', 1);
    hit('a', 2);
    hit('a', 3);
    turns.run();
    const stream = await open({ resume: '0:1' });
    expect(brief(await drain(stream))).toEqual(['upsert a 2 0:2', 'upsert a 3 0:3', 'caught-up null - 0:3']);
  });

  it('of several partitions goes on at any frame, each partition where it was', async () => {
    log.addTopic('visits', 'append', 3);
    const records = Array.from({ length: 12 }, (_, n) => ({ partition: (n * 7) % 3, n }));
    for (const { partition, n } of records) log.put('visits', [[`k${n}`, { n }]], 0, partition);
    const whole = (await drain(await open({ id: 'visits' }))).filter(({ op }) => op === 'append');
    expect(whole.length).toBe(records.length);
    for (let had = 1; had < whole.length; had++) {
      const rest = await drain(await open({ id: 'visits', resume: whole[had - 1]!.offset }));
      const seen = [...whole.slice(0, had), ...rest.filter(({ op }) => op === 'append')].map((frame) => frame.row?.n);
      expect(seen.toSorted((x, y) => Number(x) - Number(y))).toEqual(records.map(({ n }) => n));
    }
  });

  it('ends with the reason when retention passes a client that reads too slowly', async () => {
    const stream = await open();
    await drain(stream);
    for (let n = 1; n <= 20; n++) {
      hit('a', n);
      turns.run();
    }
    expect((await pull(stream))?.length).toBeLessThan(20);
    log.cut('pages', 19);
    await expect(drain(stream)).rejects.toMatchObject({ code: 'SERVING_OFFSET_GONE' });
  });

  it('begins anew with the empty offset of a snapshot frame', async () => {
    hit('a', 1);
    turns.run();
    expect((await drain(await open({ resume: '' })))[0]?.op).toBe('snapshot');
  });

  it('refuses an offset after which deletions were compacted away, but not the beginning', async () => {
    hit('a', 1);
    hit('b', 1);
    hit('c', 1);
    log.compactBelow('pages', 0, 2);
    await expect(open({ resume: '0:1' })).rejects.toMatchObject({ code: 'SERVING_OFFSET_GONE' });
    expect((await drain(await open({ resume: '0:0' }))).length).toBeGreaterThan(2);
    expect((await drain(await open({ resume: '0:2' }))).length).toBeGreaterThan(0);
  });

  it('refuses an offset that retention has passed, and one that does not exist yet', async () => {
    hit('a', 1);
    hit('a', 2);
    log.cut('pages', 1);
    await expect(open({ resume: '0:0' })).rejects.toMatchObject({ code: 'SERVING_OFFSET_GONE' });
    await expect(open({ resume: '0:9' })).rejects.toMatchObject({ code: 'SERVING_OFFSET_GONE' });
  });

  it.each(['x', '0', '0:', '0:-1', '7:1', '0:1,0:2', '0:99999999999999999999'])('refuses %j', async (resume) => {
    await expect(open({ resume })).rejects.toMatchObject({ code: 'SERVING_OFFSET_INVALID' });
  });
});

describe('a slow client', () => {
  it('loses nothing when more changes come than its buffer holds: they are read from the log', async () => {
    const stream = await open();
    await drain(stream);
    for (let n = 1; n <= 20; n++) {
      hit('a', n);
      turns.run();
    }
    expect((await drain(stream)).map((frame) => frame.row?.hits)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  });

  it('is let go with the offset to resume from when it takes nothing for too long', async () => {
    const stream = await open();
    hit('a', 1);
    turns.run();
    await drain(stream);
    const stalled = await stallAfterOneBatch(stream);
    clock.advance(30_000);
    await expect(stalled.next()).rejects.toMatchObject({
      code: 'SERVING_SLOW_CONSUMER',
      next: 'resume from offset 0:2',
    });
    expect(live.size).toBe(0);
  });

  it('stays when it takes something in time', async () => {
    const stream = await stallAfterOneBatch(await open());
    clock.advance(29_000);
    await pull(stream);
    clock.advance(29_000);
    expect(await drain(stream)).not.toHaveLength(0);
  });
});

async function stallAfterOneBatch(stream: LiveStream): Promise<LiveStream> {
  await drain(stream);
  hit('a', 100);
  await pull(stream);
  for (let n = 0; n < 10; n++) {
    hit('a', n);
    turns.run();
  }
  return stream;
}

describe('a live stream of a topic', () => {
  it('begins with the newest records', async () => {
    log.addTopic('events');
    for (let n = 0; n < 150; n++) log.put('events', [[null, { hits: n }]]);
    const frames = await drain(await live.open({ id: 'events' }));
    expect(frames).toHaveLength(101);
    expect(frames[0]).toEqual({ op: 'append', key: null, row: { hits: 50 }, offset: '0:51' });
    expect(frames.at(-1)?.op).toBe('caught-up');
  });

  it('gives values that are not JSON objects under _value', async () => {
    log.addTopic('events');
    log.put('events', [
      [null, '[1]'],
      [null, 'plain'],
    ]);
    const frames = await drain(await live.open({ id: 'events' }));
    expect(frames.slice(0, 2).map((f) => f.row)).toEqual([{ _value: [1] }, { _value: 'plain' }]);
  });

  it('does not exist: says so with the nearest name', async () => {
    await expect(live.open({ id: 'pagse' })).rejects.toMatchObject({
      code: 'SERVING_UNKNOWN_STREAM',
      next: 'did you mean "pages"?',
    });
  });
});

describe('a filtered stream', () => {
  it('sends a delete when a row leaves the filter', async () => {
    hit('a', 10);
    hit('b', 1);
    turns.run();
    const stream = await open({ filter: (row) => Number(row.hits) >= 10 });
    expect(brief(await drain(stream))).toEqual(['snapshot a 10 ', 'caught-up null - 0:2']);
    hit('b', 2);
    hit('a', 3);
    hit('b', 11);
    expect(brief(await drain(stream))).toEqual(['delete a - 0:4', 'upsert b 11 0:5']);
  });
});

describe('the end of a stream', () => {
  it('comes with the abort signal', async () => {
    const gone = new AbortController();
    const stream = await open({ signal: gone.signal });
    await drain(stream);
    gone.abort();
    await expect(stream.next()).resolves.toEqual({ done: true, value: undefined });
    expect(live.size).toBe(0);
  });

  it('comes when the process closes its tables', async () => {
    const stream = await open();
    await drain(stream);
    tables.close();
    await expect(stream.next()).rejects.toMatchObject({ code: 'SERVING_CLOSED' });
  });
});

function apply(rows: Map<string | null, JsonRow | null>, frames: readonly LiveFrame[]): void {
  for (const frame of frames) {
    if (frame.op === 'caught-up') continue;
    if (frame.op === 'delete') rows.delete(frame.key);
    else rows.set(frame.key, frame.row);
  }
}
