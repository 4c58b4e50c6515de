import { HeadraceError } from '../../../base/error.ts';
import { nearestName } from '../../../base/nearest-name.ts';
import type { Freshness, JsonRow, Table } from '../../../serving/serving.ts';
import { instantText } from '../instant.ts';
import { TABLE_ROWS_MAX } from '../limit.ts';
import { httpError } from '../problem.ts';
import { jsonReply } from '../reply.ts';
import { defineRoute } from '../route.ts';
import { freshnessSchema } from './query.ts';

export const listTables = defineRoute({
  method: 'GET',
  path: '/api/v2/tables',
  operation: 'listTables',
  tag: 'tables',
  summary: 'All tables with their columns, keys, size and freshness',
  parameters: {},
  responses: {
    200: {
      description: 'The tables.',
      contents: {
        'application/json': { type: 'object', properties: { tables: { type: 'array', items: { type: 'object' } } } },
      },
    },
  },
  access: { action: 'describe', resource: () => ({ kind: 'view', name: '*' }) },
  handle: ({ services }) => jsonReply({ tables: services.tables.list().map(shownTable) }),
});

export const readTable = defineRoute({
  method: 'GET',
  path: '/api/v2/tables/{name}',
  operation: 'readTable',
  tag: 'tables',
  summary: 'Rows of a table, or the row of one key',
  parameters: {
    name: { in: 'path', type: 'string', description: 'The table (view).', example: 'requests_1m' },
    key: { in: 'query', type: 'string', description: 'The key as live frames carry it: one row.' },
    limit: {
      in: 'query',
      type: 'integer',
      minimum: 1,
      maximum: TABLE_ROWS_MAX,
      default: 100,
      description: 'Rows at most.',
    },
  },
  responses: {
    200: {
      description: 'The rows, and how fresh they are.',
      contents: {
        'application/json': {
          type: 'object',
          properties: { rows: { type: 'array', items: { type: 'object' } }, freshness: freshnessSchema },
        },
      },
    },
    404: { description: 'There is no such table, or no such key in it.' },
  },
  access: { action: 'read', resource: (p) => ({ kind: 'view', name: p.name }) },
  handle({ services, parameters }) {
    const { name, key, limit } = parameters;
    const table = services.tables.get(name) ?? unknownTable(name, services.tables.list());
    return jsonReply({ ...shownTable(table), rows: rowsOf(table, key, limit) });
  },
});

function rowsOf(table: Table, key: string | undefined, limit: number): readonly JsonRow[] {
  if (key !== undefined) {
    const row = table.get(key);
    if (row !== undefined) return [row];
    throw httpError(
      'HTTP_NOT_FOUND',
      `reading table "${table.name}": there is no row of key ${key}`,
      `its key is (${table.keyColumns.join(', ')})`,
    );
  }
  const rows: JsonRow[] = [];
  for (const row of table.rows()) {
    if (rows.length >= limit) break;
    rows.push(row);
  }
  return rows;
}

function shownTable(table: Table): Record<string, unknown> {
  return {
    name: table.name,
    columns: table.columns,
    keyColumns: table.keyColumns,
    size: table.size,
    freshness: shownFreshness(table.freshness()),
  };
}

function shownFreshness(freshness: Freshness): Record<string, unknown> {
  return { ...freshness, watermark: instantText(freshness.watermark) };
}

function unknownTable(name: string, tables: readonly Table[]): never {
  const names = tables.map((table) => table.name);
  const near = nearestName(name, names);
  throw new HeadraceError(`looking for table "${name}": there is none`, {
    code: 'SERVING_UNKNOWN_TABLE',
    domain: 'serving',
    next: near === undefined ? `there are ${names.join(', ') || 'none yet'}` : `did you mean "${near}"?`,
  });
}
