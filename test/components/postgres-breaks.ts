import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import type { SinkConnector } from '../../src/connector/connector.ts';
import { openPostgresSession } from '../../src/connector/postgres/postgres-session.ts';
import { createPostgresSink } from '../../src/connector/postgres/postgres-sink.ts';
import { SinkWorld } from '../../src/connector/sink.fixture.ts';
import type { SinkRelation } from '../../src/connector/sink-relation.ts';
import { TYPE } from '../../src/plan/type-name.ts';
import { connected } from './postgres-server.ts';
import { leaky, type Passage, sinkOptions, tableRows } from './postgres-subject.ts';

/** How the connection breaks at a statement, and whether the process goes with it. */
export interface Break {
  readonly how: Exclude<Passage, 'passes'>;
  readonly restarts: boolean;
}

export const BREAKS: readonly Break[] = [
  { how: 'lost', restarts: false },
  { how: 'lost', restarts: true },
  { how: 'unanswered', restarts: false },
  { how: 'unanswered', restarts: true },
];

const RELATION: SinkRelation = {
  columns: [
    { name: 'id', type: TYPE.text, nullable: false, path: ['id'] },
    { name: 'n', type: TYPE.int4, nullable: false, path: ['n'] },
  ],
  kind: 'upsert',
  keys: [0],
};
const REFUSED = -777;
const CHANGES: readonly (readonly [id: string, n: number | null])[] = [
  ['a', 1],
  ['b', 2],
  ['c', 3],
  ['a', 4],
  ['d', REFUSED],
  ['b', null],
  ['c', 5],
];
const STUCK_MS = 60_000;

/**
 * Changes go to a table through a connection that breaks at the statement of that number, from 1 (0: at none): the table, the dead letters and the
 * position must be as if it had not. Gives the statements that were run, of which there may be fewer.
 */
export async function breakAt(
  place: number,
  { how, restarts }: Break,
  port: number,
  dir: string,
): Promise<readonly string[]> {
  const world = await SinkWorld.open('upsert');
  const schema = `b${place}_${how}_${restarts}`;
  const table = `${schema}.rows`;
  const client = await connected(port);
  await client.query(
    `CREATE SCHEMA ${schema}; CREATE TABLE ${table} (id text PRIMARY KEY, n int4 CHECK (n <> ${REFUSED}))`,
  );
  const options = sinkOptions(port, `table: ${table}\nbatch_rows: 4\nconstraint_retries: 0`);
  const statements: string[] = [];
  let broke = (): void => {};
  const hasBroken = new Promise<void>((resolve) => {
    broke = resolve;
  });
  const connect = async (signal: AbortSignal) =>
    leaky(await openPostgresSession(options, dir, signal), (text) => {
      statements.push(text);
      if (statements.length !== place) return 'passes';
      broke();
      return how;
    });
  const start = (): SinkConnector => {
    const sink = createPostgresSink('s', 'rows', options, RELATION, { ...world.parts, dir, connect });
    sink.start();
    return sink;
  };
  for (const [id, n] of CHANGES) {
    await world.append([n === null ? null : `{"id":"${id}","n":${n}}`], 0, JSON.stringify([id]));
  }
  let sink = start();
  try {
    if (restarts) {
      await Promise.race([hasBroken, sink.drained().catch(() => undefined)]);
      await sink.stop();
      await world.reopen();
      sink = start();
    }
    const stuck = wait(STUCK_MS, 'stuck', { ref: false });
    if ((await Promise.race([sink.drained(), stuck])) === 'stuck') assert.fail(JSON.stringify(sink.status()));
    assert.deepEqual(await tableRows(port, dir, table, RELATION, 'id'), ['{"id":"a","n":4}', '{"id":"c","n":5}']);
    assert.deepEqual(
      world.deadLetters().map(({ offset }) => offset),
      [4],
    );
    const { rows } = await client.query(`SELECT max(next_offset) AS next FROM ${schema}.headrace_sink_position`);
    assert.equal(Number((rows as readonly { readonly next: string }[])[0]!.next), CHANGES.length);
    return statements;
  } catch (error) {
    throw new Error(`statement ${place} ${how}${restarts ? ', then a restart' : ''}`, { cause: error });
  } finally {
    await sink.stop();
    await world.close();
    await client.query(`DROP SCHEMA ${schema} CASCADE`);
    await client.end();
  }
}
