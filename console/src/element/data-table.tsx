import type { ColumnInfo } from '../api/types.ts';
import { formatCell } from '../state/format.ts';

const NUMERIC = /^(int|float|numeric|decimal|bigint|integer|smallint|double|real|hugeint|u?(tiny|small|big)?int)/i;

export function isNumeric(type: string): boolean {
  return NUMERIC.test(type) && !type.includes('[]') && !/^interval/i.test(type);
}

export interface TableRow {
  readonly key: string;
  readonly cells: readonly unknown[];
  /** Grows when the row changes, so that the highlight starts anew. */
  readonly change?: number;
  readonly changed?: ReadonlySet<string>;
}

export interface Sorting {
  readonly column: string;
  readonly descending: boolean;
}

/** Rows with their column types; headings sort when `onSort` is given. */
export function DataTable(props: {
  readonly caption: string;
  readonly columns: readonly ColumnInfo[];
  readonly rows: readonly TableRow[];
  readonly sorting?: Sorting | undefined;
  readonly onSort?: (column: string) => void;
}) {
  const { columns, sorting, onSort } = props;
  const alignment = columns.map((column) => (isNumeric(column.type) ? 'number' : ''));
  return (
    <table>
      <caption>{props.caption}</caption>
      <thead>
        <tr>
          {columns.map((column, i) => (
            <th key={column.name} scope="col" class={alignment[i]} aria-sort={sortOf(column.name, sorting)}>
              {onSort === undefined ? (
                column.name
              ) : (
                <button type="button" onClick={() => onSort(column.name)}>
                  {column.name}
                  <span aria-hidden="true">
                    {sorting?.column === column.name ? (sorting.descending ? ' ↓' : ' ↑') : ''}
                  </span>
                </button>
              )}
              <span class="type">{column.type || '\u00a0'}</span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {props.rows.map((row) => (
          <tr key={row.key}>
            {row.cells.map((cell, i) => {
              const name = columns[i]?.name ?? '';
              const changed = row.changed?.has(name) === true;
              const kind = cell === null || cell === undefined ? 'null' : '';
              return (
                <td
                  key={changed ? `${name}@${row.change}` : name}
                  class={`${alignment[i]} ${kind} ${changed ? 'changed' : ''} wrap`}
                >
                  {shownCell(cell, columns[i]?.type ?? '')}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Instants lose the letter and the zeros that nobody reads. */
function shownCell(cell: unknown, type: string): string {
  const text = formatCell(cell);
  return type.startsWith('timestamp') ? text.replace('T', ' ').replace(/\.0+(?=Z?$)/, '') : text;
}

function sortOf(column: string, sorting: Sorting | undefined): 'ascending' | 'descending' | undefined {
  if (sorting?.column !== column) return undefined;
  return sorting.descending ? 'descending' : 'ascending';
}
