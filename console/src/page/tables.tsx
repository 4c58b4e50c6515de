import { useMemo, useRef, useState } from 'preact/hooks';
import type { ApiClient } from '../api/client.ts';
import type { StreamState } from '../api/live-stream.ts';
import type { ColumnInfo, TableInfo } from '../api/types.ts';
import { Chart, type Tone } from '../chart/chart.tsx';
import { DataTable, isNumeric, type Sorting, type TableRow } from '../element/data-table.tsx';
import { Empty } from '../element/empty.tsx';
import { Icon } from '../element/icon.tsx';
import { Scroll } from '../element/scroll.tsx';
import { INIT_COMMAND, VIEW_EXAMPLE } from '../state/command-line.ts';
import type { PageProps } from '../state/console.ts';
import { formatCell, formatCount, formatDelay } from '../state/format.ts';
import { LIVE_ROWS_MAX, type LiveRow } from '../state/live-table.ts';
import { type LiveView, useLiveView } from '../state/live-view.ts';
import { usePolled } from '../state/poll.ts';
import { hashOf } from '../state/route.ts';
import { windowSeries } from '../state/window-series.ts';

const POLL_MS = 3000;
const ROWS_SHOWN_MAX = 100;
const TONES: readonly Tone[] = ['water', 'brass', 'moss', 'plum', 'soft'];

export function TablesPage({ console, item }: PageProps) {
  const { client } = console;
  const read = useMemo(() => () => client.tables(), [client]);
  const polled = usePolled(read, POLL_MS);
  const tables = polled.kind === 'ready' ? polled.value : [];
  const table = tables.find((one) => one.name === item) ?? tables[0];
  return (
    <>
      <div class="page-head">
        <h1>Tables</h1>
        <p>Views, kept up to date row by row as events come in.</p>
      </div>
      {polled.kind === 'failed' && <p class="notice bad">Reading the tables: {polled.reason}</p>}
      {polled.kind === 'ready' && table === undefined && (
        <Empty
          title="No table yet"
          steps={[
            { text: 'Put a view into a file of the folder pipelines/ of your project:', command: VIEW_EXAMPLE },
            { text: 'Or make a project that has some:', command: INIT_COMMAND },
          ]}
        >
          Each materialized view of a running pipeline is a table here.
        </Empty>
      )}
      {table !== undefined && (
        <div class="beside-list">
          <nav class="panel pick" aria-label="Tables">
            {tables.map((one) => (
              <a key={one.name} href={hashOf('tables', one.name)} aria-current={one === table ? 'true' : undefined}>
                {one.name} <span class="tally">{formatCount(one.rows)}</span>
              </a>
            ))}
          </nav>
          <LiveTablePanels key={table.name} client={client} table={table} />
        </div>
      )}
    </>
  );
}

function LiveTablePanels({ client, table }: { readonly client: ApiClient; readonly table: TableInfo }) {
  const view = useLiveView(client, table.name);
  const [filter, setFilter] = useState('');
  const [sorting, setSorting] = useState<Sorting | undefined>(() => firstSorting(table.columns));
  const [paused, setPaused] = useState(false);
  const held = useRef<readonly LiveRow[]>([]);
  if (!paused) held.current = view.table.rows();
  const all = held.current;
  const columns = table.columns.length > 0 ? table.columns : columnsOf(all);
  const rows = useMemo(() => shownRows(all, columns, filter, sorting), [all, columns, filter, sorting]);
  const sort = (column: string) =>
    setSorting((now) => ({ column, descending: now?.column === column ? !now.descending : true }));
  return (
    <div class="stack">
      <LiveChart table={table} columns={columns} rows={all} />
      <section class="panel" aria-label={`Rows of ${table.name}`}>
        <div class="panel-head">
          <div>
            <h2>{table.name}</h2>
            <p class="soft small">
              {streamSentence(view)} Watermark: {formatDelay(table.freshness.watermark, Date.now())}.
            </p>
          </div>
          <div class="page-tools">
            <label class="field">
              Filter rows
              <input
                type="search"
                data-search
                value={filter}
                onInput={(event) => setFilter(event.currentTarget.value)}
              />
            </label>
            <button type="button" class="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
              <Icon name={paused ? 'play' : 'pause'} />
              {paused ? 'Resume' : 'Pause'}
            </button>
          </div>
        </div>
        <Scroll class="scroll live-rows" label={`Rows of ${table.name}, scrollable`}>
          <DataTable
            caption={captionOf(rows.length, all.length, view, filter)}
            columns={columns}
            rows={rows.slice(0, ROWS_SHOWN_MAX)}
            sorting={sorting}
            onSort={sort}
          />
        </Scroll>
      </section>
    </div>
  );
}

/** Newest window first where there is one. */
function firstSorting(columns: readonly ColumnInfo[]): Sorting | undefined {
  const time =
    columns.find((column) => column.name === 'window_start') ??
    columns.find((column) => /^time|date/.test(column.type));
  return time === undefined ? undefined : { column: time.name, descending: true };
}

function columnsOf(rows: readonly LiveRow[]): readonly ColumnInfo[] {
  return Object.entries(rows[0]?.row ?? {}).map(([name, value]) => ({
    name,
    type: typeof value === 'number' ? 'numeric' : '',
  }));
}

function shownRows(
  rows: readonly LiveRow[],
  columns: readonly ColumnInfo[],
  filter: string,
  sorting: Sorting | undefined,
): TableRow[] {
  const wanted = filter.trim().toLowerCase();
  const kept =
    wanted === ''
      ? [...rows]
      : rows.filter(({ row }) => columns.some((column) => formatCell(row[column.name]).toLowerCase().includes(wanted)));
  if (sorting !== undefined) {
    const { column, descending } = sorting;
    const sign = descending ? -1 : 1;
    kept.sort((a, b) => sign * compared(a.row[column], b.row[column]) || (a.key < b.key ? -1 : 1));
  }
  return kept.map((live) => ({
    key: live.key,
    cells: columns.map((column) => live.row[column.name]),
    change: live.change,
    changed: live.changed,
  }));
}

function compared(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [left, right] = [a ?? '', b ?? ''].map(String) as [string, string];
  return left < right ? -1 : left > right ? 1 : 0;
}

function captionOf(matching: number, all: number, view: LiveView, filter: string): string {
  const shown = Math.min(matching, ROWS_SHOWN_MAX);
  const dropped =
    view.table.droppedRows > 0 ? `; the page keeps ${formatCount(LIVE_ROWS_MAX)} rows, ask the rest in SQL` : '';
  if (all === 0)
    return view.table.caughtUp ? 'No rows yet: they come with the first event of a window' : 'Reading the rows';
  const of =
    filter === '' ? `${formatCount(all)} rows` : `${formatCount(matching)} matching rows of ${formatCount(all)}`;
  return shown < matching ? `The first ${shown} of ${of}${dropped}` : `${of}${dropped}`;
}

function streamSentence(view: LiveView): string {
  const state: StreamState = view.state;
  if (state.kind === 'live') return `Live, ${formatCount(view.table.changes)} changes seen.`;
  if (state.kind === 'connecting') return 'Connecting.';
  return state.kind === 'waiting' ? `Not live: ${state.reason}; trying again.` : `Not live: ${state.reason}.`;
}

function LiveChart({
  table,
  columns,
  rows,
}: {
  readonly table: TableInfo;
  readonly columns: readonly ColumnInfo[];
  readonly rows: readonly LiveRow[];
}) {
  const time = firstSorting(columns)?.column;
  const values = columns.filter((column) => isNumeric(column.type));
  const splits = columns.filter(
    (column) => table.keyColumns.includes(column.name) && !/^window_/.test(column.name) && column.name !== time,
  );
  const [value, setValue] = useState(values[0]?.name ?? '');
  const [split, setSplit] = useState(splits[0]?.name ?? '');
  const data = useMemo(
    () =>
      windowSeries(
        rows.map((live) => live.row),
        time ?? '',
        value,
        split === '' ? undefined : split,
      ),
    [rows, time, value, split],
  );
  if (time === undefined || values.length === 0) return null;
  return (
    <section class="stack" aria-label={`Chart of ${table.name}`}>
      <div class="page-tools">
        <label class="field">
          Column
          <select value={value} onChange={(event) => setValue(event.currentTarget.value)}>
            {values.map((column) => (
              <option key={column.name}>{column.name}</option>
            ))}
          </select>
        </label>
        {splits.length > 0 && (
          <label class="field">
            One line for each
            <select value={split} onChange={(event) => setSplit(event.currentTarget.value)}>
              <option value="">sum of all</option>
              {splits.map((column) => (
                <option key={column.name}>{column.name}</option>
              ))}
            </select>
          </label>
        )}
      </div>
      <Chart
        title={`${value} by ${time}`}
        height={190}
        times={data.times}
        format={formatCount}
        waiting="No windows yet"
        roomyLegend
        series={data.series.map((one, i) => ({
          label: one.label,
          values: one.values,
          tone: TONES[i] ?? 'soft',
          filled: data.series.length === 1,
        }))}
      />
    </section>
  );
}
