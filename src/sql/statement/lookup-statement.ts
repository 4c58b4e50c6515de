import type { TokenReader } from '../text/token-reader.ts';
import type { ColumnDefinition, NameAt, Options } from './statement.ts';

export interface CreateLookup {
  readonly kind: 'create-lookup';
  readonly name: NameAt;
  readonly columns: readonly ColumnDefinition[];
  /** Names of the columns that it is asked by. */
  readonly keys: readonly NameAt[];
  readonly options: Options;
}

/** `CREATE LOOKUP name (column type [FROM '$.json.path'] [PRIMARY KEY], ..., [PRIMARY KEY (column, ...)]) WITH (...)`. */
export function createLookup(reader: TokenReader, column: (reader: TokenReader) => ColumnDefinition): CreateLookup {
  const name = reader.name();
  const columns: ColumnDefinition[] = [];
  const keys: NameAt[] = [];
  reader.expectSymbol('(');
  do {
    if (reader.skipWords('primary', 'key')) keys.push(...reader.nameList());
    else {
      const made = column(reader);
      columns.push(made);
      if (reader.skipWords('primary', 'key')) keys.push({ name: made.name, at: made.at });
    }
  } while (reader.skipSymbol(','));
  reader.expectSymbol(')');
  return { kind: 'create-lookup', name, columns, keys, options: reader.options() };
}
