// Compiled expressions against the interpreter, on the same columns: one JSON line for each expression, the last for all.
// Run it from source: `node scripts/run-ts.mjs src/engine/wasm/expression.bench.ts [rows]`.
import { BATCH_ROWS_MAX } from '../../kernel/column.ts';
import { Kernel } from '../../kernel/kernel.ts';
import { resolveCall, resolveCast } from '../../plan/coercion.ts';
import type { Column } from '../../plan/data-type.ts';
import type { Expression } from '../../plan/expression.ts';
import { caseExpression, columnReference, literal } from '../../plan/expression-factory.ts';
import { numericType, TYPE } from '../../plan/type-name.ts';
import { Decimal } from '../../plan/value/decimal.ts';
import { makeInterval } from '../../plan/value/interval.ts';
import type { Batch } from '../operator/batch.ts';
import { columnOfValues, forEachRow } from '../operator/column-access.ts';
import { ColumnEvaluator } from '../operator/column-evaluator.ts';
import { type ExpressionContext, RowEvaluator } from '../operator/row-evaluator.ts';
import { compiledBy } from './program.ts';

const ROWS = Math.min(BATCH_ROWS_MAX, Number(process.argv[2] ?? 8192));
/** Each side runs at least so long, after a warm-up of a third of it. */
const RUN_MS = 300;
const RUNS_OF_BATCH = 200;

const COLUMNS: readonly Column[] = [
  { name: 'status', type: TYPE.int4, nullable: false },
  { name: 'bytes', type: TYPE.int8, nullable: false },
  { name: 'amount', type: TYPE.float8, nullable: true },
  { name: 'price', type: numericType(12, 2), nullable: true },
  { name: 'path', type: TYPE.text, nullable: false },
  { name: 'country', type: TYPE.text, nullable: true },
  { name: 'ts', type: TYPE.timestamptz, nullable: false },
  { name: 'doc', type: TYPE.jsonb, nullable: false },
];
const PATHS = ['/', '/index.html', '/api/v2/ingest/requests', '/images/logo.png', '/blog/2015/05/geekery'];
const COUNTRIES = ['DE', 'US', 'FR', null];

const column = (name: string): Expression =>
  columnReference(
    COLUMNS,
    COLUMNS.findIndex((candidate) => candidate.name === name),
  );
const int4 = (value: number): Expression => literal(value, TYPE.int4);
const text = (value: string): Expression => literal(value, TYPE.text);

const EXPRESSIONS: Readonly<Record<string, Expression>> = {
  'status >= 400 AND status < 500': resolveCall('and', [
    resolveCall('ge', [column('status'), int4(400)]),
    resolveCall('lt', [column('status'), int4(500)]),
  ]),
  'bytes * 8 + status': resolveCall('add', [resolveCall('multiply', [column('bytes'), int4(8)]), column('status')]),
  'amount * 1.19': resolveCall('multiply', [column('amount'), literal(1.19, TYPE.float8)]),
  'round(price * 1.19, 2)': resolveCall('round', [
    resolveCall('multiply', [column('price'), literal(Decimal.parse('1.19'), TYPE.numeric)]),
    int4(2),
  ]),
  "country IN ('DE', 'FR')": resolveCall('or', [
    resolveCall('eq', [column('country'), text('DE')]),
    resolveCall('eq', [column('country'), text('FR')]),
  ]),
  "path LIKE '/api/%'": resolveCall('like', [column('path'), text('/api/%')]),
  "path ~ '^/api/v[0-9]+/'": resolveCall('matches', [column('path'), text('^/api/v[0-9]+/')]),
  "doc -> 'user' ->> 'name'": resolveCall('json_get_text', [
    resolveCall('json_get', [column('doc'), text('user')]),
    text('name'),
  ]),
  "(doc ->> 'amount')::float8": resolveCast(resolveCall('json_get_text', [column('doc'), text('amount')]), TYPE.float8),
  "'/' || split_part(path, '/', 2)": resolveCall('concat', [
    text('/'),
    resolveCall('split_part', [column('path'), text('/'), int4(2)]),
  ]),
  "(status / 100)::text || 'xx'": resolveCall('concat', [
    resolveCast(resolveCall('divide', [column('status'), int4(100)]), TYPE.text),
    text('xx'),
  ]),
  'lower(path)': resolveCall('lower', [column('path')]),
  "date_trunc('hour', ts)": resolveCall('date_trunc', [text('hour'), column('ts')]),
  'extract(dow FROM ts)': resolveCast(resolveCall('extract', [text('dow'), column('ts')]), TYPE.int4),
  "ts + interval '1 day'": resolveCall('add', [column('ts'), literal(makeInterval(0, 1, 0n), TYPE.interval)]),
  'CASE WHEN status < 400 THEN bytes ELSE 0 END': caseExpression(
    // biome-ignore lint/suspicious/noThenProperty: the contract names the result of a branch `then`
    [{ when: resolveCall('lt', [column('status'), int4(400)]), then: column('bytes') }],
    literal(0n, TYPE.int8),
  ),
};

const kernel = Kernel.create();
const context: ExpressionContext = { clockMs: () => 0, userFunction: () => () => null };

function batch(): Batch {
  const rows = Array.from({ length: ROWS }, (_, i) => [
    [200, 200, 200, 304, 404, 500][i % 6],
    BigInt((i * 7919) % 100_000),
    i % 10 === 0 ? null : (i % 1000) / 7,
    i % 10 === 1 ? null : new Decimal(BigInt(i * 13), 2),
    PATHS[i % PATHS.length],
    COUNTRIES[i % COUNTRIES.length],
    1_700_000_000_000_000n + BigInt(i) * 1_234_567n,
    { id: i, user: { name: `user${i % 100}`, roles: ['reader', 'writer'] }, amount: (i % 1000) / 100, page: '/home' },
  ]);
  const columns = COLUMNS.map(({ type }, at) =>
    columnOfValues(
      kernel,
      type,
      rows.map((row) => row[at]),
      ROWS,
    ),
  );
  const nothing = { weights: 0, origin: undefined, times: 0, watermarks: 0 };
  return { rows: ROWS, columns, selection: 0, selected: ROWS, ...nothing };
}

/** CPU time of this process, ms: other processes on the machine do not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Rows per second of CPU time of what is run over one batch. */
function rate(run: (input: Batch) => void): number {
  const measure = (ms: number): number => {
    let rows = 0;
    let elapsed = 0;
    while (elapsed < ms) {
      kernel.arenaReset();
      const input = batch();
      const before = cpuMs();
      const done = elapsed;
      for (let i = 0; i < RUNS_OF_BATCH && elapsed < ms; i++) {
        run(input);
        rows += ROWS;
        elapsed = done + cpuMs() - before;
      }
    }
    return (rows / elapsed) * 1000;
  };
  measure(RUN_MS / 3);
  return measure(RUN_MS);
}

function compare(name: string, expression: Expression): number {
  const evaluator = new ColumnEvaluator(kernel, COLUMNS, [expression], context);
  const compiled = rate((input) => evaluator.evaluate(input));
  const interpreter = new RowEvaluator(kernel, COLUMNS, [expression], context);
  const values = new Array<unknown>(ROWS).fill(null);
  const interpreted = rate((input) => {
    forEachRow(kernel, input, (row) => {
      interpreter.load(input, row);
      values[row] = interpreter.value(0);
    });
    columnOfValues(kernel, expression.type, values, ROWS);
  });
  const ratio = compiled / interpreted;
  const detail = {
    expression: name,
    compiledBy: compiledBy(COLUMNS, [expression])[0],
    interpreterRowsPerSecond: Math.round(interpreted),
    rowsInBatch: ROWS,
  };
  print('expression', compiled, ratio, detail);
  evaluator.close();
  return ratio;
}

function print(bench: string, value: number, ratio: number, detail: object): void {
  const line = { bench, value: Math.round(value), unit: 'rows/s', against: 'interpreter', ratio: round(ratio), detail };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const round = (value: number): number => Math.round(value * 100) / 100;

const ratios = Object.entries(EXPRESSIONS).map(([name, expression]) => compare(name, expression));
const geometric = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
const line = {
  bench: 'expressions',
  value: round(geometric),
  unit: 'times',
  against: 'interpreter',
  ratio: round(geometric),
};
process.stdout.write(
  `${JSON.stringify({ ...line, detail: { expressions: ratios.length, least: round(Math.min(...ratios)) } })}\n`,
);
