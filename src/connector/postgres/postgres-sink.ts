import { randomUUID } from 'node:crypto';
import { HeadraceError } from '../../base/error.ts';
import { TargetBusy } from '../../delivery/target-busy.ts';
import type { SinkConnector } from '../connector.ts';
import { SinkLoop } from '../sink-loop.ts';
import type { SinkParts } from '../sink-parts.ts';
import type { SinkRelation } from '../sink-relation.ts';
import type { SinkBatch, SinkDelivery, SinkOpening, SinkProgress, SinkRefusal, SinkTarget } from '../sink-target.ts';
import { type NetChange, netChanges } from './net-change.ts';
import { PositionTable } from './position-table.ts';
import { placeOf } from './postgres-connection.ts';
import { faultOf, PostgresFailure } from './postgres-fault.ts';
import { openPostgresSession, type PostgresSession } from './postgres-session.ts';
import type { PostgresSinkOptions } from './postgres-sink-options.ts';
import { type SinkKey, sinkKey } from './sink-key.ts';
import { jsonArray, type SinkStatements, sinkStatements } from './sink-statement.ts';
import { checkedColumns, makeOnce, tableDefinition, tableOid } from './sink-table.ts';

type Connect = (signal: AbortSignal) => Promise<PostgresSession>;

/** What the position in PostgreSQL is found by; made at the first start, so that another data directory has another one. */
export interface PostgresSinkState {
  readonly id: string;
}

/** An open connection, and the right to write. */
interface Claimed {
  readonly session: PostgresSession;
  readonly statements: SinkStatements;
  readonly positions: PositionTable;
  readonly generation: number;
  /** Next offset of each partition, as committed. */
  readonly offsets: number[];
}

/**
 * Writes rows and their position in one transaction: each row once, whatever is killed when. After any failure the connection is given
 * up and the position claimed anew, which tells whether the transaction had been committed.
 *
 * Rows that PostgreSQL refuses are found by halving, behind savepoints, in a transaction that is rolled back: their letters are journaled
 * in our log first, and then the rest of the batch and the position are written. A crash before the letters leaves nothing of it, one
 * after them leaves out the same rows.
 */
class PostgresTarget implements SinkTarget<PostgresSinkState> {
  readonly fixedBatches = false;
  readonly keepsPosition = true;
  readonly #name: string;
  readonly #options: PostgresSinkOptions;
  readonly #relation: SinkRelation;
  readonly #connect: Connect;
  readonly #newId: () => string;
  /** Of this process. */
  readonly #owner: string;
  #key: SinkKey | undefined;
  #id: string | undefined;
  #partitions = 0;
  /** Whether it has ever had the claim: then it may not take it from who has it now. */
  #held = false;
  #claimed: Claimed | undefined;
  /** Attempts of the batch that begins there in which a constraint refused a row. */
  #constraint = { partition: -1, from: -1, attempts: 0 };

  constructor(
    name: string,
    options: PostgresSinkOptions,
    relation: SinkRelation,
    parts: { readonly connect: Connect; readonly newId: () => string },
  ) {
    this.#name = name;
    this.#options = options;
    this.#relation = relation;
    this.#connect = parts.connect;
    this.#newId = parts.newId;
    this.#owner = parts.newId();
  }

  async open(
    stored: SinkProgress<PostgresSinkState> | undefined,
    begin: readonly number[],
    signal: AbortSignal,
  ): Promise<SinkOpening<PostgresSinkState>> {
    this.#id = stored?.state.id ?? this.#id ?? this.#newId();
    this.#partitions = begin.length;
    await this.close();
    const known = stored?.offsets.length ?? 0;
    const { offsets } = await this.#doing('opening', () => this.#claim(known, begin, signal));
    return { state: { id: this.#id }, offsets: [...offsets] };
  }

  async write(
    batch: SinkBatch,
    _state: PostgresSinkState,
    signal: AbortSignal,
  ): Promise<SinkDelivery<PostgresSinkState>> {
    try {
      const claimed = this.#claimed ?? (await this.#claimAgain(batch, signal));
      if (claimed.offsets[batch.partition]! >= batch.next) return this.#delivered();
      const refused = await this.#doing('writing to', () => this.#transaction(claimed, batch));
      if (refused.length > 0) return { kind: 'refused', refused };
      claimed.offsets[batch.partition] = batch.next;
      return this.#delivered();
    } catch (error) {
      this.#drop();
      throw error;
    }
  }

  async close(): Promise<void> {
    const claimed = this.#claimed;
    this.#claimed = undefined;
    await claimed?.session.close();
  }

  #delivered(): SinkDelivery<PostgresSinkState> {
    return { kind: 'delivered', state: { id: this.#id! }, refused: [] };
  }

  #drop(): void {
    this.#claimed?.session.drop();
    this.#claimed = undefined;
  }

  /** After a failure: the position says whether the batch has been written. */
  async #claimAgain({ partition, from, next }: SinkBatch, signal: AbortSignal): Promise<Claimed> {
    const begin = Array.from({ length: this.#partitions }, () => 0);
    const claimed = await this.#doing('opening', () => this.#claim(this.#partitions, begin, signal));
    const at = claimed.offsets[partition]!;
    if (at === from || at === next) return claimed;
    throw new HeadraceError(
      `opening ${this.#where()}: the position of partition ${partition} is ${at} there, where ${from} was written`,
      {
        code: 'CONNECTOR_POSITION_GONE',
        domain: 'connector',
        next: 'start anew to go on from there, if the database was restored',
      },
    );
  }

  async #claim(known: number, begin: readonly number[], signal: AbortSignal): Promise<Claimed> {
    const session = await this.#connect(signal);
    try {
      const { statements, positions } = await this.#prepare(session);
      const who = { sinkId: this.#id!, sinkName: this.#name, owner: this.#owner, held: this.#held };
      const lease = await positions.claim(session, { ...who, known, begin });
      if (lease === undefined) throw this.#fenced();
      this.#held = true;
      const { generation, offsets } = lease;
      this.#claimed = { session, statements, positions, generation, offsets: [...offsets] };
      return this.#claimed;
    } catch (error) {
      session.drop();
      throw error;
    }
  }

  /** Makes and checks what is there. */
  async #prepare(session: PostgresSession): Promise<Pick<Claimed, 'statements' | 'positions'>> {
    const { table, createTable, positionSchema } = this.#options;
    this.#key ??= sinkKey(this.#relation, this.#options, this.#name);
    const given = { sink: this.#name, table, relation: this.#relation, key: this.#key };
    if (createTable && (await tableOid(session, table)) === undefined) {
      await makeOnce(session, tableDefinition(table, this.#relation, this.#key));
    }
    const columns = await checkedColumns(session, given);
    const positions = new PositionTable(positionSchema ?? (await schemaOf(session, table)));
    await positions.ensure(session);
    return { statements: sinkStatements({ ...given, columns }), positions };
  }

  /** Empty when it has been committed; else nothing was, and these rows are why. */
  async #transaction(claimed: Claimed, batch: SinkBatch): Promise<readonly SinkRefusal[]> {
    const { session, positions, generation } = claimed;
    const { partition, from, next } = batch;
    const { changes, refused: unkeyed } = netChanges(batch.records, this.#key!);
    // Deferred constraints would speak at COMMIT only, when no row can be told from the others.
    await session.run('BEGIN; SET CONSTRAINTS ALL IMMEDIATE');
    const moved = { sinkId: this.#id!, generation, partition, from, next };
    if (!(await positions.move(session, moved))) throw this.#fenced();
    const refused = [...unkeyed, ...(await this.#apply(claimed, changes, batch))];
    if (refused.length > 0) {
      await session.run('ROLLBACK');
      return refused;
    }
    const { command } = await session.run('COMMIT');
    if (command !== 'COMMIT') throw new PostgresFailure(`COMMIT was answered with ${command}`, '');
    return [];
  }

  /** Writes the changes but those that are refused, which are found by halving. */
  async #apply(
    { session, statements }: Pick<Claimed, 'session' | 'statements'>,
    changes: readonly NetChange[],
    batch: SinkBatch,
  ): Promise<readonly SinkRefusal[]> {
    if (changes.length === 0) return [];
    await session.run('SAVEPOINT headrace');
    const failure = await runChanges(session, statements, changes);
    if (failure === undefined) {
      await session.run('RELEASE SAVEPOINT headrace');
      return [];
    }
    const fault = faultOf(failure.sqlstate);
    if (fault === 'constraint') this.#requireTried(batch, failure);
    else if (fault !== 'row') throw failure;
    await session.run('ROLLBACK TO SAVEPOINT headrace; RELEASE SAVEPOINT headrace');
    const [change] = changes;
    if (changes.length === 1) return [{ record: change!.record, message: this.#saying('writing to', failure) }];
    const half = Math.ceil(changes.length / 2);
    const first = await this.#apply({ session, statements }, changes.slice(0, half), batch);
    return [...first, ...(await this.#apply({ session, statements }, changes.slice(half), batch))];
  }

  /** @throws TargetBusy while the batch is to be tried again */
  #requireTried({ partition, from }: SinkBatch, failure: PostgresFailure): void {
    const isSame = this.#constraint.partition === partition && this.#constraint.from === from;
    if (!isSame) this.#constraint = { partition, from, attempts: 0 };
    if (this.#constraint.attempts >= this.#options.constraintRetries) return;
    this.#constraint.attempts += 1;
    throw new TargetBusy(this.#saying('writing to', failure), undefined, failure);
  }

  #fenced(): HeadraceError {
    return new HeadraceError(`writing to ${this.#where()}: another process has taken over sink "${this.#name}"`, {
      code: 'CONNECTOR_SINK_FENCED',
      domain: 'connector',
      next: 'stop one of the two; the one that is started last goes on',
    });
  }

  #where(): string {
    const { host, port } = placeOf(this.#options);
    return `table ${this.#options.table} of PostgreSQL at ${host}:${port}`;
  }

  #saying(what: string, failure: PostgresFailure): string {
    return `${what} ${this.#where()}: ${failure.message}`;
  }

  async #doing<Result>(what: string, action: () => Promise<Result>): Promise<Result> {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof PostgresFailure)) throw error;
      const message = this.#saying(what, error);
      if (faultOf(error.sqlstate) === 'passing') throw new TargetBusy(message, undefined, error);
      throw new HeadraceError(message, {
        code: 'CONNECTOR_TARGET_REFUSED',
        domain: 'connector',
        cause: error,
        next: 'correct the declaration, the rights or the table, and start anew',
      });
    }
  }
}

/** What PostgreSQL refused it with. */
async function runChanges(
  session: PostgresSession,
  { insert, remove }: SinkStatements,
  changes: readonly NetChange[],
): Promise<PostgresFailure | undefined> {
  const of = (kind: NetChange['kind']) => changes.filter((change) => change.kind === kind).map(({ json }) => json);
  const [gone, rows] = [of('gone'), of('row')];
  try {
    // First what goes, so that its place is free.
    if (gone.length > 0 && remove !== undefined) await session.run(remove, [jsonArray(gone)]);
    if (rows.length > 0) await session.run(insert, [jsonArray(rows)]);
    return undefined;
  } catch (error) {
    if (error instanceof PostgresFailure) return error;
    throw error;
  }
}

async function schemaOf(session: PostgresSession, table: string): Promise<string> {
  const [schema, name] = table.split('.');
  if (name !== undefined) return schema!;
  return (await session.run('SELECT current_schema()')).rows[0]?.[0] ?? 'public';
}

/** A sink that writes a topic to a table, each row once. Files are relative to `dir`. */
export function createPostgresSink(
  name: string,
  topic: string,
  options: PostgresSinkOptions,
  relation: SinkRelation,
  parts: SinkParts & { readonly dir: string; readonly newId?: () => string; readonly connect?: Connect },
): SinkConnector {
  const { dir, newId = randomUUID, ...others } = parts;
  const { connect = (signal) => openPostgresSession(options, dir, signal), ...rest } = others;
  const { host, port } = placeOf(options);
  return new SinkLoop({
    name,
    topic,
    identity: `postgres:${topic}:${host}:${port}${new URL(options.url).pathname}:${options.table}`,
    target: new PostgresTarget(name, options, relation, { connect, newId }),
    start: options.start,
    rowsMax: options.batchRows,
    bytesMax: options.batchBytes,
    waitMs: options.batchWait,
    retryMsMax: options.retryMax,
    ...rest,
  });
}
