import { HeadraceError } from '../../base/error.ts';
import { quoted } from './postgres-connection.ts';
import type { PostgresSession } from './postgres-session.ts';
import { makeOnce, tableOid } from './sink-table.ts';

const TABLE = 'headrace_sink_position';

export interface SinkClaim {
  readonly sinkId: string;
  readonly sinkName: string;
  /** Who claims; where `held` is set, the claim must be theirs still. */
  readonly owner: string;
  readonly held: boolean;
  /** Partitions that it had before; their positions must be there. */
  readonly known: number;
  /** Where each partition begins that is not among them. */
  readonly begin: readonly number[];
}

/** What a claim gives: whoever claimed before has lost it. */
export interface SinkLease {
  readonly generation: number;
  readonly offsets: readonly number[];
}

/**
 * How far each sink is, in the database that it writes to: one row for each sink and partition. It changes in the transaction that
 * writes the rows, so both are there or neither.
 *
 * A sink that opens raises the generation of its rows, and every transaction first moves its position *where the generation is its own*.
 * The row lock makes the two wait for each other, and READ COMMITTED looks at the row again after the wait: a transaction of a former
 * process either has committed before the claim reads the position, or finds another generation and changes nothing. Who has lost its
 * connection claims again only while it is the owner still. An advisory lock would end with its connection, which a frozen process, a
 * pooler or a fail-over can lose without the process knowing.
 */
export class PositionTable {
  readonly #schema: string;
  readonly #name: string;

  constructor(schema: string) {
    this.#schema = schema;
    this.#name = `${quoted(schema)}.${quoted(TABLE)}`;
  }

  /** Makes the table where it is not there. */
  async ensure(session: PostgresSession): Promise<void> {
    if ((await tableOid(session, `${this.#schema}.${TABLE}`)) !== undefined) return;
    const { rows } = await session.run('SELECT to_regnamespace($1)', [quoted(this.#schema)]);
    if (rows[0]?.[0] === null) await makeOnce(session, `CREATE SCHEMA IF NOT EXISTS ${quoted(this.#schema)}`);
    await makeOnce(
      session,
      `CREATE TABLE IF NOT EXISTS ${this.#name} (
  sink_id uuid NOT NULL,
  partition int4 NOT NULL,
  sink_name text NOT NULL,
  owner uuid NOT NULL,
  generation int8 NOT NULL,
  next_offset int8 NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sink_id, partition)
)`,
    );
  }

  /** Undefined when somebody else has it. @throws HeadraceError `CONNECTOR_POSITION_GONE` */
  async claim(
    session: PostgresSession,
    { sinkId, sinkName, owner, held, known, begin }: SinkClaim,
  ): Promise<SinkLease | undefined> {
    await session.run('BEGIN');
    const { rows } = await session.run(
      `SELECT partition, next_offset, generation, owner FROM ${this.#name} WHERE sink_id = $1 ORDER BY partition FOR UPDATE`,
      [sinkId],
    );
    const found = new Map(rows.map(([partition, next]) => [Number(partition), Number(next)]));
    for (let partition = 0; partition < known; partition++) {
      if (!found.has(partition)) throw this.#gone(sinkName, partition);
    }
    if (held && rows.some((row) => row[3] !== owner)) return undefined;
    const generation = Math.max(0, ...rows.map(([, , text]) => Number(text))) + 1;
    const offsets = begin.map((from, partition) => found.get(partition) ?? from);
    await session.run(
      `INSERT INTO ${this.#name} AS p (sink_id, partition, sink_name, owner, generation, next_offset)
       SELECT $1, n - 1, $2, $3, $4, next FROM unnest($5::int8[]) WITH ORDINALITY AS o(next, n)
       ON CONFLICT (sink_id, partition) DO UPDATE SET generation = EXCLUDED.generation, owner = EXCLUDED.owner, updated_at = now()`,
      [sinkId, sinkName, owner, generation, offsets],
    );
    await session.run('COMMIT');
    return { generation, offsets };
  }

  /** In a transaction: moves the position on; false when the claim has been lost, and then nothing may be written. */
  async move(
    session: PostgresSession,
    moved: {
      readonly sinkId: string;
      readonly generation: number;
      readonly partition: number;
      readonly from: number;
      readonly next: number;
    },
  ): Promise<boolean> {
    const { count } = await session.run(
      `UPDATE ${this.#name} SET next_offset = $5, updated_at = now()
       WHERE sink_id = $1 AND partition = $2 AND generation = $3 AND next_offset = $4`,
      [moved.sinkId, moved.partition, moved.generation, moved.from, moved.next],
    );
    return count === 1;
  }

  #gone(sink: string, partition: number): HeadraceError {
    return new HeadraceError(
      `opening sink "${sink}": its position of partition ${partition} is not in ${this.#schema}.${TABLE} any more`,
      {
        code: 'CONNECTOR_POSITION_GONE',
        domain: 'connector',
        next: 'bring the table back, or give the sink another name to write everything anew',
      },
    );
  }
}
