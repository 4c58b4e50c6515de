import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SinkConnector } from '../../src/connector/connector.ts';
import { createPostgresSink } from '../../src/connector/postgres/postgres-sink.ts';
import { SinkWorld } from '../../src/connector/sink.fixture.ts';
import { SINK_CERTIFICATION } from '../../src/connector/sink-certification.fixture.ts';
import type { SinkRelation } from '../../src/connector/sink-relation.ts';
import type { DataType } from '../../src/plan/data-type.ts';
import { TYPE } from '../../src/plan/type-name.ts';
import { blocksOf } from '../docs/page.ts';
import { PageRun } from '../docs/page-run.ts';
import { BREAKS, breakAt } from './postgres-breaks.ts';
import { connected, postgresIn, postgresProgram } from './postgres-server.ts';
import { postgresSubject, sinkOptions } from './postgres-subject.ts';
import { PASSWORD, type RealServer } from './real-server.ts';

let dir: string;
let server: RealServer;
let port: number;

const isThere = postgresProgram() !== undefined;
if (!isThere)
  console.warn('the PostgreSQL sink is not tested: PostgreSQL is not installed (npm run test:components installs it)');

const column = (name: string, type: DataType, nullable = false) => ({ name, type, nullable, path: [name] });

async function sql(text: string): Promise<readonly (readonly unknown[])[]> {
  const client = await connected(port);
  try {
    const result = await client.query({ text, rowMode: 'array' });
    return [result].flat().at(-1)!.rows as unknown[][];
  } finally {
    await client.end();
  }
}

describe.skipIf(!isThere)('a PostgreSQL sink', () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'headrace-postgres-sink-'));
    ({ server, port } = await postgresIn(dir));
    await server.start();
  }, 120_000);
  afterAll(async () => {
    await server.kill('SIGINT');
    rmSync(dir, { recursive: true, force: true });
  });

  for (const { title, run } of SINK_CERTIFICATION) it(title, () => run(postgresSubject(port, dir)), 60_000);

  describe('and its table', () => {
    let world: SinkWorld;
    let sink: SinkConnector | undefined;
    beforeEach(async () => {
      world = await SinkWorld.open();
      await sql('DROP SCHEMA IF EXISTS t CASCADE; CREATE SCHEMA t');
    });
    afterEach(async () => {
      await sink?.stop();
      sink = undefined;
      await world.close();
    });

    function open(relation: SinkRelation, yaml = '', url?: string): SinkConnector {
      const options = { ...sinkOptions(port, `table: t.rows\n${yaml}`), ...(url !== undefined && { url }) };
      sink = createPostgresSink('s', 'rows', options, relation, { ...world.parts, dir });
      sink.start();
      return sink;
    }

    async function again(relation: SinkRelation, yaml = ''): Promise<SinkConnector> {
      await sink?.stop();
      await world.reopen();
      return open(relation, yaml);
    }

    const of = (kind: SinkRelation['kind'], keys: readonly number[], ...columns: SinkRelation['columns']) => ({
      columns,
      kind,
      keys,
    });
    const id = column('id', TYPE.text);
    const n = column('n', TYPE.int4);

    it.each([
      ['CREATE TABLE t.other (id text)', of('append', [], id), 'there is no table t.rows; set create_table = true'],
      ['CREATE TABLE t.rows (id text)', of('append', [], id, n), 'table t.rows has no column "n"; add it: "n" integer'],
      [
        'CREATE TABLE t.rows (n text)',
        of('append', [], n),
        'column "n" is integer in the view and text in table t.rows',
      ],
      ['CREATE TABLE t.rows (n int2)', of('append', [], n), 'column "n" is integer in the view and smallint in'],
      [
        'CREATE TABLE t.rows (n numeric(9,2))',
        of('append', [], column('n', TYPE.numeric)),
        'numeric in the view and numeric(9,2)',
      ],
      [
        'CREATE TABLE t.rows (n timestamptz(3))',
        of('append', [], column('n', TYPE.timestamptz)),
        'timestamp(3) with time zone in',
      ],
      ['CREATE TABLE t.rows (n int4[])', of('append', [], n), 'integer in the view and integer[] in'],
      ['CREATE TABLE t.rows (n int4, m int4 NOT NULL)', of('append', [], n), 'column "m" of table t.rows is NOT NULL'],
      [
        'CREATE TABLE t.rows (n int4 GENERATED ALWAYS AS (1) STORED)',
        of('append', [], n),
        'column "n" of table t.rows is generated',
      ],
      ['CREATE TABLE t.rows (id text, n int4)', of('upsert', [0], id, n), 'no primary key or unique index over ("id")'],
      ['CREATE TABLE t.rows (id text, n int4)', of('upsert', [], id, n), 'has no column "headrace_key"'],
      [
        'CREATE TABLE t.rows (id text UNIQUE, n int4)',
        { ...of('append', [], column('id', TYPE.text, true)), key: 'id' },
        'that are NOT NULL',
      ],
      ['CREATE TABLE t.rows (n int4)', of('retract', [], n), 'its topic has rows that come and go without a key'],
      [
        'CREATE TABLE t.rows (n int4)',
        { ...of('append', [], n), mode: 'upsert' },
        'mode is upsert, and its rows have no key',
      ],
      [
        'CREATE TABLE t.rows (n int4)',
        { ...of('upsert', [0], n), mode: 'append' },
        'its rows change, and mode is append',
      ],
    ] as const)('%s is refused when it does not fit', async (definition, relation, message) => {
      await sql(definition);
      const { key, mode } = relation as { readonly key?: string; readonly mode?: string };
      const options = [key === undefined ? '' : `key: [${key}]`, mode === undefined ? '' : `mode: ${mode}`];
      await expect(open(relation, options.join('\n')).drained()).rejects.toMatchObject({
        code: 'CONNECTOR_SINK_MISFIT',
        message: expect.stringContaining(message) as string,
      });
    });

    it('may be wider, and have more columns', async () => {
      await sql(`CREATE TYPE t.mood AS ENUM ('fine', 'so so'); CREATE DOMAIN t.whole AS bigint CHECK (VALUE > 0);
        CREATE TABLE t.rows (at serial, n t.whole, small numeric(7,1), mood t.mood, name varchar(5), doc json, note text)`);
      const small = column('small', { kind: 'numeric', precision: 6, scale: 1 });
      const relation = of(
        'append',
        [],
        n,
        small,
        column('mood', TYPE.text),
        column('name', TYPE.text),
        column('doc', TYPE.jsonb),
      );
      await world.append([
        '{"n":7,"small":99999.5,"mood":"so so","name":"abcde","doc":{"a":[1.50]}}',
        '{"n":0,"small":1,"mood":"fine","name":"a","doc":null}',
        '{"n":1,"small":1,"mood":"bad","name":"a","doc":null}',
        '{"n":1,"small":1,"mood":"fine","name":"abcdef","doc":null}',
      ]);
      await open(relation).drained();
      expect(await sql('SELECT n::text, small::text, mood::text, name, doc::text FROM t.rows')).toEqual([
        ['7', '99999.5', 'so so', 'abcde', '{"a":[1.50]}'],
      ]);
      expect(world.deadLetters().map(({ message }) => /SQLSTATE (.....)/.exec(message)?.[1])).toEqual([
        '23514',
        '22P02',
        '22001',
      ]);
    });

    it('takes columns of a source from where they are in its events', async () => {
      const inner = (name: string, type: DataType, ...path: string[]) => ({ name, type, nullable: true, path });
      const relation = of(
        'append',
        [],
        inner('id', TYPE.text, 'event id'),
        inner('n', TYPE.numeric, 'data', 'n'),
        inner('doc', TYPE.jsonb, 'data', 'doc'),
        inner('all', TYPE.jsonb, 'data'),
      );
      await world.append([
        ' {"event id": "x\'y", "data": {"n": 1.10, "doc": {"k": null}}, "more": [1]} ',
        '{"event id":null}',
        '[1]',
      ]);
      await open(relation, 'create_table: true').drained();
      expect(await sql('SELECT id, n::text, doc::text, "all" IS NULL FROM t.rows')).toEqual([
        ["x'y", '1.10', '{"k": null}', false],
        [null, null, null, true],
      ]);
      expect(world.deadLetters().map(({ offset }) => offset)).toEqual([2]);
    });

    it('has the last row of a key that is named, of rows that only come', async () => {
      await world.append(['{"id":"a","n":1}', '{"id":"b","n":2}', '{"id":"a","n":3}', '{"id":null,"n":4}']);
      const relation = of('append', [], column('id', TYPE.text, true), n);
      await open(relation, 'create_table: true\nkey: [id]\nconstraint_retries: 0').drained();
      expect(await sql('SELECT id, n::text FROM t.rows ORDER BY id')).toEqual([
        ['a', '3'],
        ['b', '2'],
      ]);
      expect(world.deadLetters()).toMatchObject([{ offset: 3 }]);
    });

    it('waits for what a row refers to, before the row becomes a dead letter', async () => {
      await sql('CREATE TABLE t.parents (id text PRIMARY KEY); CREATE TABLE t.rows (id text REFERENCES t.parents)');
      await world.append(['{"id":"a"}']);
      const running = open(of('append', [], id), 'constraint_retries: 100');
      while (running.status().retries === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      await sql("INSERT INTO t.parents VALUES ('a')");
      await running.drained();
      expect(await sql('SELECT id FROM t.rows')).toEqual([['a']]);
      expect(world.deadLetters()).toEqual([]);
    });

    it('goes back with a database that was restored, and is written again from there', async () => {
      await sql('CREATE TABLE t.rows (n int4)');
      await world.append(['{"n":0}', '{"n":1}', '{"n":2}']);
      await open(of('append', [], n), 'batch_rows: 1').drained();
      await sink!.stop();
      await sql('DELETE FROM t.rows WHERE n > 0; UPDATE t.headrace_sink_position SET next_offset = 1');
      await (await again(of('append', [], n))).drained();
      expect(await sql('SELECT n::text FROM t.rows ORDER BY n')).toEqual([['0'], ['1'], ['2']]);
    });

    it.each([
      ['DELETE FROM t.headrace_sink_position', 'CONNECTOR_POSITION_GONE'],
      ['UPDATE t.headrace_sink_position SET next_offset = 9', 'CONNECTOR_POSITION_AHEAD'],
    ])('is not written when the position cannot be right: %s', async (damage, code) => {
      await sql('CREATE TABLE t.rows (n int4)');
      await world.append(['{"n":0}']);
      await open(of('append', [], n)).drained();
      await sink!.stop();
      await sql(damage);
      await world.append(['{"n":1}']);
      await expect((await again(of('append', [], n))).drained()).rejects.toMatchObject({ code });
      expect(await sql('SELECT n::text FROM t.rows')).toEqual([['0']]);
    });

    it.each([
      ['postgres://nobody@localhost:PORT/postgres', /SQLSTATE 28P01/],
      ['postgres://app@localhost:PORT/nowhere', /SQLSTATE 3D000/],
    ])('is not reached at %s, which fails the sink and shows no password', async (url, message) => {
      const failed = open(of('append', [], n), 'create_table: true', url.replace('PORT', String(port)));
      await expect(failed.drained()).rejects.toMatchObject({
        code: 'CONNECTOR_TARGET_REFUSED',
        message: expect.stringMatching(message) as string,
      });
      expect(JSON.stringify([failed.status().error?.message, failed.status()])).not.toContain(PASSWORD);
      expect(failed.status().state).toBe('failed');
    });
  });

  it('is kept as the how-to page prints', async () => {
    const client = await connected(port);
    await client.query("CREATE ROLE writer LOGIN PASSWORD 'secret'");
    await client.query('CREATE DATABASE shop OWNER writer');
    await client.end();
    const page = readFileSync('docs/how-to/write-to-postgresql.md', 'utf8');
    const run = await PageRun.open(new Map([['5432', String(port)]]));
    try {
      await run.run(blocksOf(page));
    } finally {
      await run.close();
    }
  }, 120_000);

  for (const one of [BREAKS[1]!, BREAKS[2]!]) {
    const title = `statements ${one.how}${one.restarts ? ', and a restart' : ''}`;
    it(`writes each change once when its connection breaks: ${title}`, async () => {
      const statements = await breakAt(0, one, port, dir);
      // Each statement where it comes last; the component test has all of them.
      const places = new Map(statements.map((text, at) => [text, at + 1]));
      expect(places.get('COMMIT')).toBeGreaterThan(20);
      for (const place of places.values()) await breakAt(place, one, port, dir);
    }, 120_000);
  }
});
