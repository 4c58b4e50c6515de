import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api/error.ts';
import type { QueryResult, TableInfo } from '../api/types.ts';
import { DataTable } from '../element/data-table.tsx';
import { Scroll } from '../element/scroll.tsx';
import type { PageProps } from '../state/console.ts';
import { formatCount, formatDelay, formatMs, formatTime } from '../state/format.ts';
import { usePolled } from '../state/poll.ts';
import { pastQueries, rememberQuery } from '../state/query-history.ts';
import { SqlEditor } from './sql-editor.tsx';
import { SqlError } from './sql-error.tsx';

const TABLES_POLL_MS = 5000;
const ROWS_SHOWN_MAX = 1000;

type Answer =
  | { readonly kind: 'none' }
  | { readonly kind: 'running'; readonly last: QueryResult | undefined }
  | { readonly kind: 'result'; readonly result: QueryResult }
  | { readonly kind: 'error'; readonly error: ApiError; readonly sql: string };

export function SqlPage({ console }: PageProps) {
  const { client } = console;
  const read = useMemo(() => () => client.tables(), [client]);
  const polled = usePolled(read, TABLES_POLL_MS);
  const tables = polled.kind === 'ready' ? polled.value : [];
  const [queries, setQueries] = useState(pastQueries);
  const [sql, setSql] = useState(queries[0] ?? '');
  const [answer, setAnswer] = useState<Answer>({ kind: 'none' });
  const running = useRef<AbortController>(undefined);
  const editor = useRef<HTMLTextAreaElement>(null);
  useEffect(() => () => running.current?.abort(), []);

  const run = async () => {
    const asked = sql.trim();
    if (asked === '') return;
    running.current?.abort();
    const abort = new AbortController();
    running.current = abort;
    setAnswer((now) => ({ kind: 'running', last: now.kind === 'result' ? now.result : undefined }));
    setQueries(rememberQuery(asked));
    try {
      const result = await client.query(sql, abort.signal);
      if (!abort.signal.aborted) setAnswer({ kind: 'result', result });
    } catch (error) {
      if (abort.signal.aborted) return;
      setAnswer({
        kind: 'error',
        sql,
        error: error instanceof ApiError ? error : new ApiError('the answer could not be read', 0),
      });
    }
  };
  const stop = () => {
    running.current?.abort();
    setAnswer({ kind: 'none' });
  };
  const take = (text: string) => {
    setSql(text);
    editor.current?.focus();
  };
  const badLine = answer.kind === 'error' && answer.sql === sql ? answer.error.position?.line : undefined;
  return (
    <>
      <div class="page-head">
        <div>
          <h1>SQL</h1>
          <p>Ask tables and topics in PostgreSQL’s language. Nothing can be changed from here.</p>
        </div>
      </div>
      <div class="sql">
        <div class="stack">
          <section class="panel" aria-label="Query">
            <SqlEditor editor={editor} sql={sql} badLine={badLine} onInput={setSql} onRun={() => void run()} />
            <div class="panel-head">
              <span class="soft small">
                {sql.length > 0 ? `${sql.split('\n').length} lines` : 'Write a query, or take one from the side'}
              </span>
              {answer.kind === 'running' ? (
                <button type="button" class="button" onClick={stop}>
                  Stop
                </button>
              ) : (
                <button type="button" class="button primary" disabled={sql.trim() === ''} onClick={() => void run()}>
                  Run <kbd>Ctrl Enter</kbd>
                </button>
              )}
            </div>
          </section>
          <AnswerPanel answer={answer} editor={editor} />
        </div>
        <aside class="stack" aria-label="Tables and past queries">
          <Suggestions tables={tables} onTake={take} />
          <Past queries={queries} onTake={take} />
        </aside>
      </div>
    </>
  );
}

function AnswerPanel({
  answer,
  editor,
}: {
  readonly answer: Answer;
  readonly editor: { readonly current: HTMLTextAreaElement | null };
}) {
  const result = answer.kind === 'result' ? answer.result : answer.kind === 'running' ? answer.last : undefined;
  return (
    <section class="panel result" aria-label="Answer" aria-busy={answer.kind === 'running'}>
      <div class="panel-head">
        <h2>Answer</h2>
        <p class="soft small" role="status">
          {statusOf(answer)}
        </p>
      </div>
      {answer.kind === 'error' && <SqlError error={answer.error} sql={answer.sql} editor={editor} />}
      {answer.kind === 'none' && <p class="panel-body soft">The rows appear here, with how fresh they are.</p>}
      {result !== undefined && (
        <Scroll class="scroll" label="Rows of the answer, scrollable">
          <DataTable
            caption={captionOf(result)}
            columns={result.columns}
            rows={result.rows.slice(0, ROWS_SHOWN_MAX).map((cells, i) => ({ key: String(i), cells }))}
          />
        </Scroll>
      )}
    </section>
  );
}

function statusOf(answer: Answer): string {
  if (answer.kind === 'running') return 'Running';
  if (answer.kind !== 'result') return '';
  const { result } = answer;
  const { asOf, watermark, lagRecords } = result.freshness;
  const parts = [
    `${formatCount(result.rows.length)} ${result.rows.length === 1 ? 'row' : 'rows'} in ${formatMs(result.elapsedMs)}`,
  ];
  if (asOf !== undefined) parts.push(`as of ${formatTime(asOf)}`);
  if (watermark !== undefined) parts.push(`watermark ${formatDelay(watermark, Date.now())}`);
  if (lagRecords !== undefined)
    parts.push(lagRecords === 0 ? 'nothing waiting' : `${formatCount(lagRecords)} records waiting`);
  return parts.join(' · ');
}

function captionOf(result: QueryResult): string {
  if (result.rows.length === 0) return 'No rows match';
  const shown = Math.min(result.rows.length, ROWS_SHOWN_MAX);
  if (result.truncated) return `The first ${formatCount(shown)} rows; there are more: narrow the query, or add a LIMIT`;
  return shown < result.rows.length
    ? `The first ${formatCount(shown)} of ${formatCount(result.rows.length)} rows`
    : 'All rows of the answer';
}

function Suggestions({
  tables,
  onTake,
}: {
  readonly tables: readonly TableInfo[];
  readonly onTake: (sql: string) => void;
}) {
  return (
    <section class="panel" aria-labelledby="tables-title">
      <div class="panel-head">
        <h2 id="tables-title">Tables</h2>
      </div>
      <div class="past">
        {tables.length === 0 && (
          <p class="soft small">None yet. Topics can be asked too: SELECT * FROM the name of a topic.</p>
        )}
        {tables.map((table) => (
          <button
            type="button"
            key={table.name}
            title={table.columns.map((column) => `${column.name} ${column.type}`).join('\n')}
            onClick={() => onTake(queryOf(table))}
          >
            {table.name}
          </button>
        ))}
      </div>
    </section>
  );
}

function queryOf(table: TableInfo): string {
  const time = table.columns.find((column) => column.name === 'window_start');
  return `SELECT *\nFROM ${table.name}\n${time === undefined ? '' : `ORDER BY ${time.name} DESC\n`}LIMIT 50`;
}

function Past({ queries, onTake }: { readonly queries: readonly string[]; readonly onTake: (sql: string) => void }) {
  return (
    <section class="panel" aria-labelledby="past-title">
      <div class="panel-head">
        <h2 id="past-title">Asked before</h2>
      </div>
      <div class="past">
        {queries.length === 0 && <p class="soft small">What you run is kept here, in this browser.</p>}
        {queries.map((query) => (
          <button type="button" key={query} title={query} onClick={() => onTake(query)}>
            {query.replace(/\s+/g, ' ')}
          </button>
        ))}
      </div>
    </section>
  );
}
