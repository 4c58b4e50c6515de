import { readFileSync } from 'node:fs';
import { ApiClient, SERVER_FLAGS } from '../api-client.ts';
import { usageError } from '../cli-error.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { styled } from '../output.ts';
import { tableText } from '../table-text.ts';

interface Answer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly freshness: { readonly asOf: number; readonly lagRecords: number };
  readonly elapsedMs: number;
  readonly truncated: boolean;
}

export const sql: Command = {
  name: 'sql',
  usage: '"<query>" [flags]',
  wordsMax: 1,
  summary: 'Ask a question over tables and topics',
  description: 'Read-only SQL with PostgreSQL’s meaning. "-" reads the query from standard input.',
  flags: {
    format: {
      type: 'string',
      value: 'format',
      choices: ['table', 'json', 'ndjson', 'csv'],
      help: 'how rows are shown',
      default: 'table',
    },
    ...SERVER_FLAGS,
  },
  examples: [
    {
      line: 'headrace sql "SELECT * FROM requests_1m ORDER BY window_start DESC LIMIT 10"',
      does: 'the newest windows',
    },
    { line: 'headrace sql "SELECT count(*) FROM requests" --format csv', does: 'for a spreadsheet' },
    { line: 'headrace sql - < report.sql --json', does: 'a query from a file, for a program' },
  ],
  async run(context) {
    const [word, ...more] = context.words;
    if (word === undefined || more.length > 0) {
      throw usageError('reading the query: give it as one word', 'put it in quotes: headrace sql "SELECT 1"');
    }
    const text = word === '-' ? readFileSync(0, 'utf8') : word;
    const client = ApiClient.of(context);
    const format = context.json ? 'json' : String(context.flags.format);
    const { terminal, signal } = context;
    if (format !== 'table') {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ sql: text, format });
      const response = await client.request('/api/v2/query', signal, { method: 'POST', headers, body });
      terminal.out(`${(await response.text()).trimEnd()}\n`);
      return EXIT.ok;
    }
    const answer = await client.post<Answer>('/api/v2/query', { sql: text }, signal);
    const columns = answer.columns.map(({ name }) => name);
    terminal.out(tableText(columns, answer.rows, terminal.width));
    terminal.err(`${styled(terminal, 'dim', footer(answer))}\n`);
    return EXIT.ok;
  },
};

function footer({ rows, elapsedMs, freshness, truncated }: Answer): string {
  const count = `${rows.length} row${rows.length === 1 ? '' : 's'}${truncated ? ' (there are more; add a LIMIT)' : ''}`;
  const asOf = freshness.asOf > 0 ? `, as of ${new Date(freshness.asOf).toISOString()}` : '';
  const lag = freshness.lagRecords > 0 ? `, ${freshness.lagRecords} records behind` : '';
  return `${count} in ${Math.round(elapsedMs)} ms${asOf}${lag}`;
}
