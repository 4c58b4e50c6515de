import { option } from '../../base/config/option.ts';
import type { OptionValues } from '../../base/config/option-set.ts';
import { messageOf } from '../../base/error.ts';
import { textToValue, valueToText } from '../../plan/value/value-text.ts';
import { LazyClient } from '../lookup/lazy-client.ts';
import { LOOKUP_OPTIONS } from '../lookup/lookup-options.ts';
import {
  foundInTexts,
  type LookupFound,
  type LookupKey,
  LookupRefused,
  type LookupSource,
  type LookupTarget,
} from '../lookup/lookup-source.ts';
import { POSTGRES_CONNECTION_OPTIONS, quoted } from './postgres-connection.ts';

/** Options of a look-up in PostgreSQL: `CREATE LOOKUP ... WITH (connector = 'postgres', ...)`. */
export const POSTGRES_LOOKUP_OPTIONS = {
  ...POSTGRES_CONNECTION_OPTIONS,
  table: option.text({
    name: 'table',
    fallback: undefined,
    help: 'Table or view that is read, as in public.users; its columns are those of the look-up.',
  }),
  query: option.text({
    name: 'query',
    fallback: undefined,
    help: 'In place of a table: a query of the columns of the look-up for arrays of keys, as in SELECT id, name FROM users WHERE id = ANY($1).',
  }),
  ...LOOKUP_OPTIONS,
} as const;

export type PostgresLookupOptions = OptionValues<typeof POSTGRES_LOOKUP_OPTIONS>;

/** What a statement gave: names of its columns, and rows of texts. */
export interface PostgresResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** What is asked of a client of PostgreSQL. */
export interface PostgresClient {
  /** Rejects with {@link LookupRefused} when a value is at fault. */
  query(text: string, values: readonly (string | readonly string[])[]): Promise<PostgresResult>;
  close(): Promise<void>;
}

/** Looks up rows of a table or a query, those that are asked for together with one statement. */
export class PostgresLookupSource implements LookupSource {
  readonly batchMax = 200;
  readonly #options: Pick<PostgresLookupOptions, 'table' | 'query'>;
  readonly #target: LookupTarget;
  /** Where the key is found in a row. */
  readonly #keyColumns: readonly string[];
  readonly #client: LazyClient<PostgresClient>;

  constructor(
    options: Pick<PostgresLookupOptions, 'table' | 'query'>,
    target: LookupTarget,
    connect: () => Promise<PostgresClient>,
  ) {
    this.#options = options;
    this.#target = target;
    this.#keyColumns = target.keyNames.map((key) => target.found.find(({ name }) => name === key)?.path[0] ?? key);
    this.#client = new LazyClient(connect);
  }

  async fetch(keys: readonly LookupKey[]): Promise<readonly LookupFound[]> {
    const client = await this.#client.get();
    const { text, values } = this.#statement(keys);
    const result = await client.query(text, values);
    const places = new Map(result.columns.map((column, at) => [column, at]));
    const lacking = this.#columns().find((column) => !places.has(column));
    if (lacking !== undefined) throw new LookupRefused(`asking PostgreSQL: the query gives no column "${lacking}"`);
    const rows = this.#byKey(result, places);
    return keys.map((key) => {
      const [row, second] = rows.get(JSON.stringify(key)) ?? [];
      if (second !== undefined) throw new LookupRefused('asking PostgreSQL: it found more than one row for one key');
      return row && foundInTexts((column) => row[places.get(column)!] ?? null, this.#target, key);
    });
  }

  #columns(): readonly string[] {
    return [...new Set([...this.#keyColumns, ...this.#target.found.map(({ path }) => path[0]!)])];
  }

  /** Values are parameters, names are quoted. */
  #statement(keys: readonly LookupKey[]): { text: string; values: readonly (string | readonly string[])[] } {
    const { table, query } = this.#options;
    const byColumn = this.#keyColumns.map((_, at) => keys.map((key) => key[at]!));
    if (query !== undefined) return { text: query, values: byColumn };
    const from = `SELECT ${this.#columns().map(quoted).join(', ')} FROM ${(table ?? '').split('.').map(quoted).join('.')}`;
    if (byColumn.length === 1)
      return { text: `${from} WHERE ${quoted(this.#keyColumns[0]!)} = ANY($1)`, values: byColumn };
    const width = this.#keyColumns.length;
    const places = keys.map((key, row) => `(${key.map((_, at) => `$${row * width + at + 1}`).join(', ')})`);
    const names = this.#keyColumns.map(quoted).join(', ');
    return { text: `${from} WHERE (${names}) IN (${places.join(', ')})`, values: keys.flat() };
  }

  /** The rows of each key; a row with a null in its key belongs to none. */
  #byKey({ rows }: PostgresResult, places: ReadonlyMap<string, number>) {
    const found = new Map<string, (readonly (string | null)[])[]>();
    for (const row of rows) {
      const texts = this.#keyColumns.map((column) => row[places.get(column)!] ?? null);
      if (texts.includes(null)) continue;
      const key = JSON.stringify(texts.map((text, at) => this.#keyText(text!, at)));
      const others = found.get(key);
      if (others === undefined) found.set(key, [row]);
      else others.push(row);
    }
    return found;
  }

  /** The value of a key as its type writes it. */
  #keyText(text: string, at: number): string {
    const type = this.#target.keyTypes[at]!;
    try {
      return valueToText(textToValue(text, type), type);
    } catch (error) {
      throw new LookupRefused(`column "${this.#keyColumns[at]!}": ${messageOf(error)}`);
    }
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
