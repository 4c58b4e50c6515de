import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { Kernel } from '../../kernel/kernel.ts';
import { encodeRecordBatch } from '../../log/record-batch.ts';
import type { Pipeline } from '../../plan/node.ts';
import { at, sqlPipeline } from '../engine-world.fixture.ts';
import type { SnapshotShare } from './journal.ts';
import type { SnapshotSection } from './snapshot-store.ts';
import { Task } from './task.ts';

const EVENTS = `CREATE SOURCE events (id int8, k text, x float8, time timestamptz, WATERMARK FOR time AS time - INTERVAL '5 seconds')
WITH (topic = 'events', format = 'json', idle_timeout = '1 day', future_limit = '1 day');`;
const CHANGES = `CREATE TABLE events (id int8 PRIMARY KEY, k text, x float8, time timestamptz) WITH (topic = 'events', format = 'json');`;

/** Pipelines whose state lies in each structure of the kernel, and in JavaScript. */
const PIPELINES: Readonly<Record<string, string>> = {
  deduplication: `${EVENTS} CREATE VIEW once WITH (ttl = '10 seconds') AS SELECT DISTINCT ON (k) k, x, time FROM events;
    CREATE MATERIALIZED VIEW v AS SELECT k, x, time FROM once;`,
  'windows that close': `${EVENTS} CREATE MATERIALIZED VIEW v AS SELECT window_start, window_end, k, count(*) AS n, sum(x) AS s,
    max(k) AS most, count(DISTINCT id) AS ids FROM TUMBLE(events, time, INTERVAL '10 seconds') GROUP BY window_start, window_end, k
    EMIT ON WINDOW CLOSE;`,
  'groups that come and go': `${CHANGES} CREATE MATERIALIZED VIEW v AS SELECT k, count(*) AS n, sum(x) AS s, count(DISTINCT x) AS xs
    FROM events GROUP BY k;`,
  'one group of all': `${CHANGES} CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n, sum(x) AS s FROM events;`,
  join: `${CHANGES} CREATE MATERIALIZED VIEW v AS SELECT a.id, b.id AS other, a.x FROM events AS a LEFT JOIN events AS b ON a.k = b.k
    AND a.x < b.x;`,
  'join in time': `${EVENTS} CREATE MATERIALIZED VIEW v AS SELECT a.id, b.id AS other FROM events AS a JOIN events AS b ON a.k = b.k
    AND b.time BETWEEN a.time AND a.time + INTERVAL '5 seconds';`,
  'distinct rows': `${CHANGES} CREATE MATERIALIZED VIEW v AS SELECT DISTINCT k, x FROM events;`,
  'distinct rows that only come': `${EVENTS} CREATE MATERIALIZED VIEW v AS SELECT DISTINCT k, x FROM events;`,
  'the first of each key': `${EVENTS} CREATE MATERIALIZED VIEW v AS SELECT * FROM (SELECT k, x, id, row_number() OVER (PARTITION BY k
    ORDER BY x DESC) AS place FROM events) AS t WHERE place <= 2;`,
  'the first of each key, with retractions': `${CHANGES} CREATE MATERIALIZED VIEW v AS SELECT * FROM (SELECT k, x, id,
    row_number() OVER (PARTITION BY k ORDER BY x DESC) AS place FROM events) AS t WHERE place <= 2;`,
  frames: `${CHANGES} CREATE MATERIALIZED VIEW v AS SELECT id, sum(x) OVER (PARTITION BY k ORDER BY time, id ROWS BETWEEN 2 PRECEDING
    AND CURRENT ROW) AS s FROM events;`,
  'frames in time': `${EVENTS} CREATE MATERIALIZED VIEW v AS SELECT id, sum(x) OVER (PARTITION BY k ORDER BY time RANGE BETWEEN
    INTERVAL '5 seconds' PRECEDING AND CURRENT ROW) AS s FROM events;`,
  sessions: `${EVENTS} CREATE MATERIALIZED VIEW v AS SELECT k, count(*) AS n, window_end FROM SESSION(events, time, INTERVAL '3 seconds')
    GROUP BY k, window_start, window_end;`,
  aggregates: `${CHANGES} CREATE MATERIALIZED VIEW v AS SELECT k, string_agg(k, ',' ORDER BY id) AS ks, median(x) AS m
    FROM events GROUP BY k;`,
  pattern: `${EVENTS} CREATE MATERIALIZED VIEW v AS SELECT * FROM events MATCH_RECOGNIZE (PARTITION BY k ORDER BY time
    MEASURES A.id AS first, LAST(B.id) AS last AFTER MATCH SKIP PAST LAST ROW PATTERN (A B+) DEFINE B AS B.x > A.x) AS m;`,
};

interface Row {
  readonly id: number;
  readonly k: string;
  readonly x: number;
  readonly second: number;
  readonly gone: boolean;
}
type Epoch = readonly Row[];

const isTable = (name: string): boolean => PIPELINES[name]!.startsWith('CREATE TABLE');

/** A task that is fed epoch by epoch; what it wrote is told by checksums. */
class Fed {
  readonly kernel = Kernel.create({ memoryBytesMax: 2 ** 26 });
  readonly task: Task;
  readonly #keyed: boolean;

  constructor(pipeline: Pipeline, keyed: boolean) {
    this.#keyed = keyed;
    this.task = new Task({
      pipeline,
      kernel: this.kernel,
      partitions: () => 1,
      outputPartitions: () => 1,
      userFunction: () => {
        throw new Error('there are none');
      },
    });
  }

  epoch(rows: Epoch): unknown {
    const records = rows.map(({ id, k, x, second, gone }) => ({
      key: this.#keyed ? utf8(JSON.stringify({ id })) : null,
      value: this.#keyed && gone ? null : utf8(JSON.stringify({ id, k, x, time: at(second) })),
      timestamp: 0,
    }));
    const read = new Set<number>();
    const { record } = this.task.runEpoch({
      epoch: this.task.epoch + 1,
      clockMs: 0,
      idle: [],
      end: false,
      bounded: true,
      read: (input) => {
        if (records.length === 0 || read.has(input)) return undefined;
        read.add(input);
        const { batch } = encodeRecordBatch(records);
        const address = this.kernel.arenaCopy(batch);
        return { address, length: batch.length, to: this.task.positions[input]! + records.length };
      },
    });
    return record.outputs;
  }
}

/** As the files of a snapshot keep them. */
class Kept {
  #task: SnapshotSection | undefined;
  #parts: readonly SnapshotSection[] = [];
  isWhole = false;

  /** Takes a snapshot, with epochs between its parts; it may be given up. Returns what those epochs wrote. */
  take(fed: Fed, during: readonly Epoch[], completes: boolean): unknown[] {
    const operators = this.isWhole
      ? new Set(Array.from({ length: 100 }, (_, operator) => operator))
      : new Set<number>();
    const snapshot = fed.task.beginSnapshot(operators);
    const written: unknown[] = [];
    const sections: SnapshotSection[] = [];
    const left = [...during];
    for (;;) {
      const next = left.shift();
      if (next !== undefined) written.push(fed.epoch(next));
      const section = completes ? snapshot.next() : undefined;
      if (section !== undefined) sections.push(section);
      else if (left.length === 0) break;
    }
    const shares = snapshot.shares();
    snapshot.end();
    if (completes) this.#keep(sections, shares);
    this.isWhole = completes;
    return written;
  }

  #keep(sections: readonly SnapshotSection[], shares: readonly SnapshotShare[]): void {
    const isDelta = new Set(shares.filter((share) => share.isDelta).map(({ operator }) => operator));
    this.#task = sections[0];
    this.#parts = [...this.#parts.filter(({ operator }) => isDelta.has(operator!)), ...sections.slice(1)];
  }

  sections(): readonly SnapshotSection[] {
    return [this.#task!, ...this.#parts];
  }
}

const row: fc.Arbitrary<Row> = fc.record({
  id: fc.integer({ min: 1, max: 12 }),
  k: fc.constantFrom('a', 'b', 'a key that is longer than fifteen bytes', 'another key of more than fifteen bytes'),
  x: fc.constantFrom(1, 2.5, 3, 1e300, -7),
  second: fc.integer({ min: 0, max: 4 }),
  gone: fc.boolean(),
});
const epochs = (max: number): fc.Arbitrary<Epoch[]> => fc.array(fc.array(row, { maxLength: 8 }), { maxLength: max });
const step = fc.record({
  before: epochs(3),
  during: epochs(3),
  completes: fc.integer({ min: 0, max: 4 }).map((n) => n > 0),
});

const open: Fed[] = [];
afterEach(() => {
  for (const fed of open) fed.task.close();
  open.length = 0;
});

describe('snapshots of what has changed', () => {
  it.each(Object.keys(PIPELINES))('restore, one after the other, to what the task was: %s', async (name) => {
    const pipeline = await sqlPipeline(PIPELINES[name]!);
    const make = (): Fed => {
      const fed = new Fed(pipeline, isTable(name));
      open.push(fed);
      return fed;
    };
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 5 }), epochs(3), epochs(3), (steps, after, end) => {
        const fed = make();
        const kept = new Kept();
        let clock = 0;
        const timed = (list: readonly Epoch[]): Epoch[] =>
          list.map((rows) => {
            clock += 2;
            return rows.map((one) => ({ ...one, second: one.second + clock }));
          });
        let since: { readonly rows: Epoch; readonly wrote: unknown }[] = [];
        let restorable = false;
        for (const { before, during, completes } of steps) {
          for (const rows of timed(before)) since.push({ rows, wrote: fed.epoch(rows) });
          const meanwhile = timed(during);
          const wrote = kept.take(fed, meanwhile, completes);
          const later = meanwhile.map((rows, i) => ({ rows, wrote: wrote[i] }));
          since = completes ? later : [...since, ...later];
          restorable ||= completes;
        }
        for (const rows of timed(after)) since.push({ rows, wrote: fed.epoch(rows) });
        if (!restorable) return;
        const again = make();
        again.task.restore(kept.sections());
        for (const { rows, wrote } of since) expect(again.epoch(rows)).toEqual(wrote);
        expect(again.task.status()).toEqual({ ...fed.task.status(), operators: expect.anything() });
        // What was restored goes on from there, and what has changed since is enough once more.
        kept.isWhole = true;
        kept.take(again, [], true);
        const third = make();
        third.task.restore(kept.sections());
        for (const rows of timed(end)) expect(third.epoch(rows)).toEqual(again.epoch(rows));
      }),
      { numRuns: 40 },
    );
  });
});
