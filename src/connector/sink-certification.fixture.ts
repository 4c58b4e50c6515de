/**
 * What every sink must pass before it is offered: one list of cases, and for each sink a subject that makes it and reads what its
 * system holds. The cases make no assumption on the system, so that they run against a fake in the process and against the real one.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { DataType } from '../plan/data-type.ts';
import { TYPE } from '../plan/type-name.ts';
import type { SinkConnector } from './connector.ts';
import { SinkWorld, TOPIC } from './sink.fixture.ts';
import type { SinkRelation } from './sink-relation.ts';

/** What a sink is opened with; a subject adds what its system needs, no wait for batches, and attempts at most 20 ms apart. */
export interface CertifiedOptions {
  readonly relation: SinkRelation;
  readonly batchRows: number;
}

/** A system that a sink writes to, new and empty. */
export interface CertifiedSystem {
  /** A sink named `s`, not started; what it reads is the topic of the world. */
  open(world: SinkWorld, options: CertifiedOptions): SinkConnector;
  /** JSON texts of the rows that stand, in the order in which they came; of `upsert`, in any. */
  rows(): Promise<readonly string[]>;
  /** Refuses so many further attempts as ones that may succeed later. */
  busy(times: number): void;
  /** Nothing gets through any more; what is connected is cut off. */
  break(): void;
  heal(): void;
  close(): Promise<void>;
}

export interface SinkSubject {
  readonly title: string;
  /** Refuses a row with `n` -777 for good, and only it. */
  readonly refuses: boolean;
  /** A second sink of the same name ends the first. Where it is not so, the lock of the data directory is what keeps out a second one. */
  readonly fences: boolean;
  system(relation: SinkRelation): Promise<CertifiedSystem>;
}

export interface CertificationCase {
  readonly title: string;
  readonly applies?: (subject: SinkSubject) => boolean;
  run(subject: SinkSubject): Promise<void>;
}

const column = (name: string, type: DataType, nullable = false) => ({ name, type, nullable, path: [name] });
const APPEND: SinkRelation = { columns: [column('n', TYPE.int4)], kind: 'append', keys: [] };
const UPSERT: SinkRelation = {
  columns: [column('id', TYPE.text), column('n', TYPE.int4)],
  kind: 'upsert',
  keys: [0],
};
const NUMBERED: SinkRelation = { columns: [column('n', TYPE.int4, true)], kind: 'upsert', keys: [] };
/** What {@link SinkSubject.refuses} speaks of. */
const POISON = -777;
const ROW_BYTES = 1_000;
const LARGE_ROWS = 4_000;
const SHOWN_CHARS = 1_000;
/** More than a sink has to do to deliver nine records in three batches, three of them refused. */
const COMMITS_OF_LETTERS = 7;
/** Failures in a row that must have opened the circuit breaker. */
const FAILURES = 5;

/** One value of each type as a topic holds it, and one that is at the edge of its type. */
const TYPED: readonly (readonly [type: DataType, ...json: string[]])[] = [
  [TYPE.boolean, 'true', 'false'],
  [TYPE.int2, '-32768', '32767'],
  [TYPE.int4, '-2147483648', '2147483647'],
  [TYPE.int8, '-9223372036854775808', '9223372036854775807'],
  [TYPE.float4, '0.10000000149011612', '"NaN"'],
  [TYPE.float8, '0.1', '"-Infinity"', '-0', '5e-324', '1.7976931348623157e+308'],
  [TYPE.numeric, '12345678901234567890123456789.000000000000000000001', '-0.10'],
  [{ kind: 'numeric', precision: 12, scale: 2 }, '1234567890.12', '0.10'],
  [TYPE.text, JSON.stringify('a "quoted" \\ line\nand ü, 😀'), '""'],
  [TYPE.bytea, '"\\\\x00ff5c27"', '"\\\\x"'],
  [TYPE.uuid, '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'],
  [TYPE.date, '"2026-01-31"', '"1969-12-31"'],
  [TYPE.time, '"12:34:56.789012"', '"00:00:00"'],
  [TYPE.timestamp, '"2026-01-31T12:34:56.789012"'],
  [TYPE.timestamptz, '"2026-01-31T12:34:56.789012Z"', '"1969-12-31T23:59:59.999999Z"'],
  [TYPE.interval, '"P1Y2M3DT4H5M6.789012S"', '"PT-0.5S"'],
  [TYPE.jsonb, '{"a":[1,2.5,null,"x"],"b":{}}', '"text"', '[]'],
  [{ kind: 'array', element: TYPE.int8 }, '[1,null,9223372036854775807]', '[]'],
  [{ kind: 'array', element: TYPE.text }, JSON.stringify(['a,b', '"', null, 'NULL', '{}'])],
  [{ kind: 'array', element: TYPE.timestamptz }, '["2026-01-31T12:34:56.789012Z"]'],
];
const ALL_TYPES: SinkRelation = {
  columns: TYPED.map(([type], at) => column(`c${at}`, type, true)),
  kind: 'append',
  keys: [],
};

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `{"n":${from + i}}`);
const poison = `{"n":${POISON}}`;

/** A world, a system and the sinks of one case; all of them end with it. */
class Bench {
  readonly system: CertifiedSystem;
  readonly #relation: SinkRelation;
  readonly #sinks: SinkConnector[] = [];
  world: SinkWorld;

  private constructor(world: SinkWorld, system: CertifiedSystem, relation: SinkRelation) {
    this.world = world;
    this.system = system;
    this.#relation = relation;
  }

  static async with(
    subject: SinkSubject,
    relation: SinkRelation,
    run: (bench: Bench) => Promise<void>,
    partitions = 1,
  ): Promise<void> {
    const kind = relation.kind === 'retract' ? 'append' : relation.kind;
    const bench = new Bench(await SinkWorld.open(kind, partitions), await subject.system(relation), relation);
    try {
      await run(bench);
    } finally {
      bench.world.beforeCommit = () => {};
      bench.world.afterCommit = () => {};
      bench.system.heal();
      for (const sink of bench.#sinks) await sink.stop();
      await bench.system.close();
      await bench.world.close();
    }
  }

  start(batchRows = 10): SinkConnector {
    const sink = this.system.open(this.world, { relation: this.#relation, batchRows });
    this.#sinks.push(sink);
    sink.start();
    return sink;
  }

  /** As if the process had ended at the `commits`th commit of the sink from now, before or after it is durable. */
  async crashAt(commits: number, batchRows = 10, isAfter = false): Promise<void> {
    let left = commits;
    const end = (): void => {
      left -= 1;
      if (left < 0) throw new Error('the process is gone');
    };
    if (isAfter) this.world.afterCommit = end;
    // Nothing is done after that.
    this.world.beforeCommit = isAfter ? () => (left < 0 ? end() : undefined) : end;
    const sink = this.start(batchRows);
    await sink.drained().catch(() => undefined);
    await sink.stop();
    this.world.beforeCommit = () => {};
    this.world.afterCommit = () => {};
    await this.world.reopen();
  }

  /** Ends at each of so many commits, before and after it, with batches of another size each time. */
  async crashEverywhere(commits: number, batchRows: number): Promise<void> {
    for (let at = 0; at < commits; at++) {
      await this.crashAt(at, batchRows + (at % 3));
      await this.crashAt(at, batchRows + (at % 2), true);
    }
  }

  async drain(batchRows = 10): Promise<void> {
    const sink = this.start(batchRows);
    await sink.drained();
    await sink.stop();
  }

  /** Asks until it is so: what it waits for is done by others. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function append(world: SinkWorld, rows: readonly string[], partition = 0): Promise<void> {
  if (rows.length > 0) await world.append(rows, partition);
}

/** A change of a row with a key; null deletes it. */
async function change(world: SinkWorld, id: string, n: number | null): Promise<void> {
  await world.append([n === null ? null : `{"id":"${id}","n":${n}}`], 0, JSON.stringify([id]));
}

async function sameRows(system: CertifiedSystem, expected: readonly string[]): Promise<void> {
  requireSame(await system.rows(), expected);
}

/** Says the first difference only: rows may be many and long. */
function requireSame(rows: readonly string[], expected: readonly string[]): void {
  const at = expected.findIndex((row, index) => row !== rows[index]);
  const shown = (row: string | undefined): string => (row ?? 'nothing').slice(0, SHOWN_CHARS);
  if (at >= 0) assert.fail(`row ${at} is ${shown(rows[at])}, expected ${shown(expected[at])}`);
  assert.equal(rows.length, expected.length, `no more rows after ${shown(expected.at(-1))}`);
}

/** Of rows that have no order. */
async function sameSet(system: CertifiedSystem, expected: readonly string[]): Promise<void> {
  requireSame([...(await system.rows())].sort(), [...expected].sort());
}

function certify(
  title: string,
  relation: SinkRelation,
  run: (bench: Bench) => Promise<void>,
  more: { readonly applies?: CertificationCase['applies']; readonly partitions?: number } = {},
): CertificationCase {
  const { applies, partitions } = more;
  return { title, ...(applies && { applies }), run: (subject) => Bench.with(subject, relation, run, partitions) };
}

const DELIVERY: readonly CertificationCase[] = [
  certify('delivers what there is, and what comes later', APPEND, async (bench) => {
    await append(bench.world, numbers(0, 3));
    const sink = bench.start();
    await sink.drained();
    await append(bench.world, numbers(3, 5));
    await sink.drained();
    await sameRows(bench.system, numbers(0, 5));
    const { state, records, lagRecords, error } = sink.status();
    assert.deepEqual(
      { state, records, lagRecords, error },
      { state: 'running', records: 5, lagRecords: 0, error: undefined },
    );
  }),
  certify(
    'keeps the order of each partition',
    APPEND,
    async (bench) => {
      for (const partition of [0, 1, 2])
        await append(bench.world, numbers(partition * 100, partition * 100 + 20), partition);
      await bench.drain(7);
      const rows = await bench.system.rows();
      for (const partition of [0, 1, 2]) {
        const own = rows.filter((row) => Math.floor((JSON.parse(row) as { n: number }).n / 100) === partition);
        assert.deepEqual(own, numbers(partition * 100, partition * 100 + 20));
      }
      assert.equal(rows.length, 60);
    },
    { partitions: 3 },
  ),
  certify('delivers nothing of nothing, and passes what is no row', APPEND, async (bench) => {
    const sink = bench.start();
    await sink.drained();
    await sameRows(bench.system, []);
    await bench.world.append([null, null]);
    await append(bench.world, numbers(0, 1));
    await bench.world.append([null]);
    await sink.drained();
    await sameRows(bench.system, numbers(0, 1));
    assert.equal(sink.status().lagRecords, 0);
  }),
  certify(
    'delivers a large batch',
    { ...APPEND, columns: [...APPEND.columns, column('text', TYPE.text)] },
    async (bench) => {
      const rows = numbers(0, LARGE_ROWS).map(
        (row, n) => `${row.slice(0, -1)},"text":"${String(n % 10).repeat(ROW_BYTES)}"}`,
      );
      for (let from = 0; from < rows.length; from += 500) await append(bench.world, rows.slice(from, from + 500));
      await bench.drain(LARGE_ROWS);
      await sameRows(bench.system, rows);
    },
  ),
  certify('delivers every type as it is', ALL_TYPES, async (bench) => {
    const count = Math.max(...TYPED.map(([, ...texts]) => texts.length)) + 1;
    const rows = Array.from({ length: count }, (_, row) => {
      const members = TYPED.map(([, ...texts], at) => `"c${at}":${texts[row] ?? 'null'}`);
      return `{${members.join(',')}}`;
    });
    await append(bench.world, rows);
    await bench.drain();
    await sameRows(bench.system, rows);
  }),
];

const CHANGES: readonly CertificationCase[] = [
  certify('follows rows that change and go', UPSERT, async (bench) => {
    for (const [id, n] of [
      ['a', 1],
      ['b', 2],
      ['a', 3],
      ['c', 4],
      ['b', null],
      ['d', 5],
    ] as const)
      await change(bench.world, id, n);
    await bench.drain(2);
    await sameSet(bench.system, ['{"id":"a","n":3}', '{"id":"c","n":4}', '{"id":"d","n":5}']);
    await change(bench.world, 'b', 6);
    await change(bench.world, 'a', null);
    await bench.drain(2);
    await sameSet(bench.system, ['{"id":"b","n":6}', '{"id":"c","n":4}', '{"id":"d","n":5}']);
  }),
  certify('ends with the last change of a key, however many one batch has', UPSERT, async (bench) => {
    for (let n = 0; n < 20; n++) await change(bench.world, 'a', n);
    for (const n of [1, null, 2]) await change(bench.world, 'b', n);
    for (const n of [1, 2, null]) await change(bench.world, 'c', n);
    await bench.drain(1_000);
    await sameSet(bench.system, ['{"id":"a","n":19}', '{"id":"b","n":2}']);
  }),
  certify('tells rows apart that have no key of their own', NUMBERED, async (bench) => {
    const { world } = bench;
    await world.append(['{"n":1}'], 0, '[{"n":1},1]');
    await world.append(['{"n":1}'], 0, '[{"n":1},2]');
    await world.append(['{"n":null}'], 0, '[{"n":null},1]');
    await bench.drain();
    await sameSet(bench.system, ['{"n":1}', '{"n":1}', '{"n":null}']);
    await world.append([null], 0, '[{"n":1},2]');
    await bench.drain();
    await sameSet(bench.system, ['{"n":1}', '{"n":null}']);
  }),
  certify('follows changes through crashes', UPSERT, async (bench) => {
    for (let n = 0; n < 40; n++) await change(bench.world, `k${n % 7}`, n % 5 === 4 ? null : n);
    await bench.crashEverywhere(4, 4);
    await bench.drain(6);
    const standing = new Map<string, string>();
    for (let n = 0; n < 40; n++) {
      if (n % 5 === 4) standing.delete(`k${n % 7}`);
      else standing.set(`k${n % 7}`, `{"id":"k${n % 7}","n":${n}}`);
    }
    await sameSet(bench.system, [...standing.values()]);
  }),
];

const FAULTS: readonly CertificationCase[] = [
  certify('goes on where it was after a restart', APPEND, async (bench) => {
    await append(bench.world, numbers(0, 12));
    await bench.drain(5);
    await bench.world.reopen();
    await append(bench.world, numbers(12, 15));
    await bench.drain(5);
    await sameRows(bench.system, numbers(0, 15));
  }),
  certify(
    'delivers each row once, wherever a crash falls between its delivery and our commit of it',
    APPEND,
    async (bench) => {
      await append(bench.world, numbers(20, 45));
      await bench.crashEverywhere(4, 5);
      await bench.drain();
      await sameRows(bench.system, numbers(20, 45));
    },
  ),
  certify('tries again while the target is busy, and then has lost nothing', APPEND, async (bench) => {
    await append(bench.world, numbers(20, 45));
    bench.system.busy(3);
    const sink = bench.start();
    await sink.drained();
    await sameRows(bench.system, numbers(20, 45));
    assert.ok(sink.status().retries >= 3, 'attempts were made again');
    assert.deepEqual(bench.world.deadLetters(), []);
  }),
  certify('leaves a target alone that is away, and delivers when it is back', APPEND, async (bench) => {
    await append(bench.world, numbers(20, 30));
    const sink = bench.start();
    await sink.drained();
    bench.system.break();
    await append(bench.world, numbers(30, 40));
    await bench.until(() => sink.status().retries >= FAILURES);
    assert.notEqual(sink.status().breaker, 'closed');
    assert.equal(sink.status().lagRecords, 10);
    assert.ok(sink.status().error !== undefined, 'the status says why');
    bench.system.heal();
    await sink.drained();
    await bench.until(() => sink.status().breaker === 'closed');
    assert.equal(sink.status().error, undefined);
    await sameRows(bench.system, numbers(20, 40));
  }),
  certify('waits for a target that is away when it starts', APPEND, async (bench) => {
    await append(bench.world, numbers(20, 30));
    bench.system.break();
    const sink = bench.start();
    await bench.until(() => sink.status().retries >= 2);
    bench.system.heal();
    await sink.drained();
    await sameRows(bench.system, numbers(20, 30));
  }),
  certify('stops while its target is away', APPEND, async (bench) => {
    await append(bench.world, numbers(20, 30));
    bench.system.break();
    const sink = bench.start();
    await bench.until(() => sink.status().retries >= 1);
    await sink.stop();
    bench.system.heal();
    await bench.drain();
    await sameRows(bench.system, numbers(20, 30));
  }),
  certify(
    'writes nothing more once another process has taken over',
    APPEND,
    async (bench) => {
      await append(bench.world, numbers(20, 30));
      const former = bench.start();
      await former.drained();
      const next = bench.start();
      await next.drained();
      await append(bench.world, numbers(30, 40));
      await next.drained();
      await bench.until(() => former.status().state === 'failed');
      assert.equal((former.status().error as { readonly code?: string }).code, 'CONNECTOR_SINK_FENCED');
      await append(bench.world, numbers(40, 50));
      await next.drained();
      await sameRows(bench.system, numbers(20, 50));
    },
    { applies: ({ fences }) => fences },
  ),
  certify(
    'does not let a former process back whose connection broke meanwhile',
    APPEND,
    async (bench) => {
      await append(bench.world, numbers(20, 30));
      const former = bench.start();
      await former.drained();
      const next = bench.start();
      await next.drained();
      bench.system.break();
      bench.system.heal();
      await append(bench.world, numbers(30, 40));
      await next.drained();
      await bench.until(() => former.status().state === 'failed');
      await append(bench.world, numbers(40, 50));
      await next.drained();
      await sameRows(bench.system, numbers(20, 50));
    },
    { applies: ({ fences }) => fences },
  ),
  {
    title: 'delivers each row once under any batch size and any crashes',
    run: async (subject) => {
      const sizes = fc.array(fc.nat(40), { minLength: 1, maxLength: 4 });
      const crashes = fc.array(fc.nat(6), { maxLength: 3 });
      const anyRun = fc.asyncProperty(sizes, fc.integer({ min: 1, max: 30 }), crashes, (appends, batchRows, points) =>
        Bench.with(subject, APPEND, async (bench) => {
          let count = 20;
          for (const size of appends) {
            await append(bench.world, numbers(count, count + size));
            count += size;
          }
          for (const commits of points) await bench.crashAt(commits, batchRows + (commits % 3), commits % 2 === 0);
          await bench.drain(batchRows);
          await sameRows(bench.system, numbers(20, count));
        }),
      );
      await fc.assert(anyRun, { numRuns: 5 });
    },
  },
];

const applies = ({ refuses }: SinkSubject): boolean => refuses;

const REFUSALS: readonly CertificationCase[] = [
  certify(
    'puts only the row at fault to dead letters, and delivers the others in order',
    APPEND,
    async (bench) => {
      await append(bench.world, [...numbers(0, 13), poison, ...numbers(13, 24)]);
      const sink = bench.start();
      await sink.drained();
      await sameRows(bench.system, numbers(0, 24));
      const { records, refused } = sink.status();
      assert.deepEqual({ records, refused }, { records: 24, refused: 1 });
      const [letter, ...others] = bench.world.deadLetters();
      assert.deepEqual(others, []);
      const { topic, partition, offset, reason, operator, value, message } = letter!;
      assert.deepEqual(
        { topic, partition, offset, reason, operator, value },
        { topic: TOPIC, partition: 0, offset: 13, reason: 'sink', operator: 'sink:s', value: poison },
      );
      assert.ok(message.length > 0, 'the letter says why');
    },
    { applies },
  ),
  {
    title: 'writes each dead letter once, and each other row once, wherever a crash falls',
    applies,
    run: async (subject) => {
      for (let at = 0; at < COMMITS_OF_LETTERS; at++) {
        for (const isAfter of [false, true]) {
          await Bench.with(subject, APPEND, async (bench) => {
            await append(bench.world, [...numbers(0, 2), poison, ...numbers(2, 4), poison, poison, ...numbers(4, 6)]);
            await bench.crashAt(at, 4, isAfter);
            await bench.drain(3);
            await sameRows(bench.system, numbers(0, 6));
            assert.deepEqual(
              bench.world.deadLetters().map(({ offset }) => offset),
              [2, 5, 6],
            );
          });
        }
      }
    },
  },
  certify(
    'keeps the change before the one at fault',
    UPSERT,
    async (bench) => {
      for (const [id, n] of [
        ['a', 1],
        ['a', POISON],
        ['b', POISON],
        ['b', 2],
        ['c', 3],
      ] as const)
        await change(bench.world, id, n);
      await bench.drain(1_000);
      await sameSet(bench.system, ['{"id":"a","n":1}', '{"id":"b","n":2}', '{"id":"c","n":3}']);
    },
    { applies },
  ),
];

/** What each sink must pass. */
export const SINK_CERTIFICATION: readonly CertificationCase[] = [...DELIVERY, ...CHANGES, ...FAULTS, ...REFUSALS];
