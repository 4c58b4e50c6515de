import { ManualClock } from '../../src/base/clock.ts';
import { WORLD_START } from '../../src/engine/engine-world.fixture.ts';
import type { Column } from '../../src/plan/data-type.ts';
import { DuckdbDatabase } from '../../src/serving/duckdb-database.ts';
import { type DuckdbRelation, planToDuckdb } from '../../src/serving/plan-to-duckdb.ts';
import { scaleOf } from '../../src/serving/query-relation.ts';
import { compileQuery } from '../../src/sql/query.ts';
import type { CorpusFile, CorpusRecord } from './corpus-file.ts';
import { loadTable } from './corpus-table.ts';
import { errorOutcome, type Outcome, rowsOutcome } from './expectation.ts';

const TIMEOUT_MS = 60_000;

/** Each query on its own, as an ad-hoc query over the tables of the file. */
export class QueryMode {
  readonly #database: DuckdbDatabase;
  #catalog = new Map<string, readonly Column[]>();
  #relations = new Map<string, DuckdbRelation>();

  private constructor(database: DuckdbDatabase) {
    this.#database = database;
  }

  static async open(): Promise<QueryMode> {
    return new QueryMode(await DuckdbDatabase.open());
  }

  async load(file: CorpusFile): Promise<void> {
    for (const { table } of this.#relations.values()) await this.#database.dropTable(table);
    this.#catalog = new Map();
    this.#relations = new Map();
    for (const [i, each] of file.tables.entries()) {
      const { name, columns, rows } = await loadTable(each);
      const table = `r${i}`;
      const scales = columns.map(({ type }, index) => scaleOf(type, rows, index));
      await this.#database.createTable(table, columns, scales);
      await this.#database.append(table, columns, scales, rows);
      this.#catalog.set(name, columns);
      this.#relations.set(name, { table, scales });
    }
  }

  async run({ sql }: CorpusRecord): Promise<Outcome> {
    try {
      const plan = await compileQuery(sql, this.#catalog);
      const query = planToDuckdb(plan, {
        relation: (name) => this.#relations.get(name)!,
        nowUs: BigInt(WORLD_START) * 1000n,
        evaluation: this.#database.evaluation,
      });
      const limits = { clock: new ManualClock(WORLD_START), timeoutMs: TIMEOUT_MS, signal: undefined };
      const types = plan.columns.map(({ type }) => type);
      return rowsOutcome(plan.columns, await this.#database.run(query.sql, types, limits));
    } catch (error) {
      return errorOutcome(error);
    } finally {
      this.#database.evaluation.clear();
    }
  }

  close(): void {
    this.#database.close();
  }
}
