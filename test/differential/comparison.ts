import { DuckDBInstance } from '@duckdb/node-api';
import type { ValueType } from './random-expression.ts';

export type Connection = Awaited<ReturnType<DuckDBInstance['connect']>>;

/** DuckDB, started once for many rounds. */
export class Oracle {
  readonly #instance: DuckDBInstance;
  readonly connection: Connection;

  private constructor(instance: DuckDBInstance, connection: Connection) {
    this.#instance = instance;
    this.connection = connection;
  }

  static async open(): Promise<Oracle> {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run('SET threads = 1; SET order_by_non_integer_literal = true');
    return new Oracle(instance, connection);
  }

  close(): void {
    this.connection.closeSync();
    this.#instance.closeSync();
  }
}

export interface ComparedColumn {
  readonly name: string;
  readonly type: ValueType | 'time';
}

/** A row as text that is equal for equal values: numbers to twelve digits, times in milliseconds. */
export function comparableRow(columns: readonly ComparedColumn[], read: (name: string) => unknown): string {
  const parts = columns.map(({ name, type }) => {
    const value = read(name);
    if (value === null || value === undefined) return 'null';
    if (type === 'time') return String(typeof value === 'string' ? Date.parse(value) : Number(value));
    if (type === 'text') return JSON.stringify(value);
    if (type === 'boolean') return String(value);
    const number = Number(String(value));
    return number === 0 ? '0' : number.toPrecision(12);
  });
  return parts.join(' ');
}

/** The rows of the first bag that the second lacks. */
export function difference(from: readonly string[], taken: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const row of taken) counts.set(row, (counts.get(row) ?? 0) + 1);
  return from.filter((row) => {
    const left = counts.get(row) ?? 0;
    if (left > 0) counts.set(row, left - 1);
    return left === 0;
  });
}
