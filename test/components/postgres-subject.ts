import { readSection } from '../../src/base/config/option-set.ts';
import { parseYaml } from '../../src/base/config/yaml-section.ts';
import { PostgresFailure } from '../../src/connector/postgres/postgres-fault.ts';
import { openPostgresSession, type PostgresSession } from '../../src/connector/postgres/postgres-session.ts';
import { createPostgresSink } from '../../src/connector/postgres/postgres-sink.ts';
import { POSTGRES_SINK_OPTIONS, type PostgresSinkOptions } from '../../src/connector/postgres/postgres-sink-options.ts';
import { sinkKey } from '../../src/connector/postgres/sink-key.ts';
import { tableDefinition, tableName } from '../../src/connector/postgres/sink-table.ts';
import type { CertifiedSystem, SinkSubject } from '../../src/connector/sink-certification.fixture.ts';
import type { SinkRelation } from '../../src/connector/sink-relation.ts';
import { toJsonText } from '../../src/plan/value/json-value.ts';
import { textToValue } from '../../src/plan/value/value-text.ts';

const never = new AbortController().signal;

/** Options of a sink into a server of `postgresIn`. */
export function sinkOptions(port: number, yaml = ''): PostgresSinkOptions {
  const common = `url: postgres://app@localhost:${port}/postgres\npassword_file: password\nca_file: server.pem`;
  return readSection(POSTGRES_SINK_OPTIONS, parseYaml(`${common}\nbatch_wait: 0 s\nretry_max: 20 ms\n${yaml}`, 'sink'));
}

/** What becomes of a statement: done, lost on its way, or done without an answer. */
export type Passage = 'passes' | 'lost' | 'unanswered';

/** A session whose statements may be lost; it is cut off then, as a connection is. */
export function leaky(session: PostgresSession, passage: (text: string) => Passage): PostgresSession {
  return {
    ...session,
    async run(text, values) {
      const how = passage(text);
      if (how === 'passes') return session.run(text, values);
      if (how === 'unanswered') await session.run(text, values).catch(() => undefined);
      session.drop();
      throw new PostgresFailure('Connection terminated unexpectedly', '');
    },
  };
}

/** The rows of a table as JSON, as a topic holds them. */
export async function tableRows(port: number, dir: string, table: string, { columns }: SinkRelation, order: string) {
  const session = await openPostgresSession(sinkOptions(port), dir, never);
  const names = columns.map(({ name }) => `"${name}"::text`);
  const { rows } = await session.run(`SELECT ${names.join(', ')} FROM ${tableName(table)} ORDER BY ${order}`);
  await session.close();
  return rows.map((row) => {
    const members = columns.map(({ name, type }, at) => {
      const text = row[at]!;
      return `"${name}":${text === null ? 'null' : toJsonText(textToValue(text, type), type)}`;
    });
    return `{${members.join(',')}}`;
  });
}

/** A table in a schema of its own for each system; refuses `n` -777 with a constraint. */
export function postgresSubject(port: number, dir: string): SinkSubject {
  let count = 0;
  return {
    title: 'PostgreSQL',
    refuses: true,
    fences: true,
    async system(relation): Promise<CertifiedSystem> {
      const schema = `c${process.pid}_${count++}`;
      const table = `${schema}.rows`;
      const session = await openPostgresSession(sinkOptions(port), dir, never);
      const key = sinkKey(relation, { mode: 'auto', key: [] }, 's');
      await session.run(`CREATE SCHEMA ${schema}; ${tableDefinition(table, relation, key)};
        ALTER TABLE ${table} ADD "order" bigserial`);
      if (relation.columns.some(({ name }) => name === 'n'))
        await session.run(`ALTER TABLE ${table} ADD CHECK (n <> -777)`);
      const open = new Set<PostgresSession>();
      let busy = 0;
      let isBroken = false;
      const connect = (options: PostgresSinkOptions) => async (signal: AbortSignal) => {
        if (isBroken) throw new PostgresFailure('connect ECONNREFUSED', '');
        const inner = await openPostgresSession(options, dir, signal);
        open.add(inner);
        return leaky(inner, (text) => {
          if (!text.startsWith('INSERT') || busy === 0) return 'passes';
          busy -= 1;
          return 'lost';
        });
      };
      return {
        open(world, { batchRows }) {
          const options = sinkOptions(port, `table: ${table}\nbatch_rows: ${batchRows}\nbatch_bytes: 16 MiB`);
          const parts = { ...world.parts, dir, connect: connect(options) };
          return createPostgresSink('s', 'rows', options, relation, parts);
        },
        rows: () => tableRows(port, dir, table, relation, '"order"'),
        busy: (times) => {
          busy = times;
        },
        break: () => {
          isBroken = true;
          for (const one of open) one.drop();
        },
        heal: () => {
          isBroken = false;
        },
        async close() {
          await session.run(`DROP SCHEMA ${schema} CASCADE`);
          await session.close();
        },
      };
    },
  };
}
