import type { Column, DataType, Interval } from './data-type.ts';
import { evaluationError } from './evaluation-error.ts';
import { regularExpressionMatches } from './function/regular-expression.ts';
import { findOverload } from './function.ts';
import { arrayType, TYPE } from './type-name.ts';
import { Decimal } from './value/decimal.ts';
import { intervalOrder } from './value/interval.ts';
import { compareText } from './value/text-order.ts';
import { jsonbText } from './value/value-text.ts';

/** Rows that one call of a set-returning function may give: a mistyped `generate_series` must not fill the memory. */
export const TABLE_FUNCTION_ROWS_MAX = 1_000_000;

/** A set-returning function for arguments of certain types. */
export interface TableFunction {
  readonly columns: readonly Column[];
  /**
   * The rows of one call; values as in data-type.ts, as many as `columns`. A null argument gives no rows where PostgreSQL's function is
   * strict. The iteration, too, may throw: take all rows before passing on the first.
   *
   * @throws HeadraceError with an {@link EvaluationErrorCode}; `PLAN_OUT_OF_RANGE` beyond {@link TABLE_FUNCTION_ROWS_MAX} rows
   */
  rows(args: readonly unknown[]): Iterable<readonly unknown[]>;
}

interface Declaration {
  readonly name: string;
  readonly args: readonly DataType[];
  readonly columns: readonly Column[];
  readonly rows: (args: readonly never[]) => Iterable<readonly unknown[]>;
}

const column = (name: string, type: DataType): Column => ({ name, type, nullable: true });

/** Strict: a null argument gives no rows. */
function declare<Args extends readonly unknown[]>(
  name: string,
  args: readonly DataType[],
  columns: readonly Column[],
  rows: (...args: Args) => Iterable<readonly unknown[]>,
): Declaration {
  return {
    name,
    args,
    columns,
    rows: (values) => (values.some((value) => value === null) ? [] : rows(...(values as unknown as Args))),
  };
}

function series<Item>(
  type: DataType,
  step: DataType,
  otherwise: unknown,
  walk: (start: Item, stop: Item, step: never) => Iterable<readonly unknown[]>,
): readonly Declaration[] {
  const columns = [column('generate_series', type)];
  const stepped = declare('generate_series', [type, type, step], columns, walk);
  if (otherwise === undefined) return [stepped];
  const plain = declare('generate_series', [type, type], columns, (start: Item, stop: Item) =>
    walk(start, stop, otherwise as never),
  );
  return [plain, stepped];
}

function* bounded(rows: Iterable<readonly unknown[]>, name: string): Iterable<readonly unknown[]> {
  let count = 0;
  for (const row of rows) {
    if (++count > TABLE_FUNCTION_ROWS_MAX) {
      throw evaluationError('PLAN_OUT_OF_RANGE', `${name} gives more than ${TABLE_FUNCTION_ROWS_MAX} rows`);
    }
    yield row;
  }
}

function zeroStep(): Error {
  return evaluationError('PLAN_INVALID_ARGUMENT', 'step size cannot equal zero');
}

function* wholeSeries(start: number, stop: number, step: number): Iterable<readonly unknown[]> {
  if (step === 0) throw zeroStep();
  for (let at = start; step > 0 ? at <= stop : at >= stop; at += step) yield [at];
}

function* bigSeries(start: bigint, stop: bigint, step: bigint): Iterable<readonly unknown[]> {
  if (step === 0n) throw zeroStep();
  for (let at = start; step > 0n ? at <= stop : at >= stop; at += step) yield [at];
}

function* decimalSeries(start: Decimal, stop: Decimal, step: Decimal): Iterable<readonly unknown[]> {
  const sign = step.compare(Decimal.of(0));
  if (sign === 0) throw zeroStep();
  for (let at = start; at.compare(stop) * sign <= 0; at = at.add(step)) yield [at];
}

/** Adds the interval to the last value each time: from 31 January by months it goes on at the 28th, as in PostgreSQL. */
function timeSeries(type: DataType) {
  return function* walk(start: bigint, stop: bigint, step: Interval): Iterable<readonly unknown[]> {
    const sign = intervalOrder(step);
    if (sign === 0n) throw zeroStep();
    const add = findOverload('add', [type, TYPE.interval])!;
    for (let at = start; sign > 0n ? at <= stop : at >= stop; at = add.apply(at, step) as bigint) yield [at];
  };
}

function jsonKind(json: unknown): string {
  return Array.isArray(json) ? 'an array' : typeof json === 'object' ? 'an object' : 'a scalar';
}

function elements(json: unknown): readonly unknown[] {
  if (Array.isArray(json)) return json as readonly unknown[];
  throw evaluationError('PLAN_INVALID_ARGUMENT', `cannot extract elements from ${jsonKind(json)}`);
}

/** Members in the order of jsonb: shorter keys first, then by their bytes. */
function members(name: string, json: unknown): readonly (readonly [string, unknown])[] {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
    const order = (a: string, b: string): number => Buffer.byteLength(a) - Buffer.byteLength(b) || compareText(a, b);
    return Object.entries(json).sort(([a], [b]) => order(a, b));
  }
  throw evaluationError('PLAN_INVALID_ARGUMENT', `cannot call ${name} on ${jsonKind(json)}`);
}

function jsonText(json: unknown): string | null {
  if (json === null || json === undefined) return null;
  return typeof json === 'string' ? json : jsonbText(json);
}

function jsonFunctions(prefix: 'json' | 'jsonb'): readonly Declaration[] {
  const { jsonb, text } = TYPE;
  const each = `${prefix}_each`;
  const keys = `${prefix}_object_keys`;
  return [
    declare(`${prefix}_array_elements`, [jsonb], [column('value', jsonb)], (json: unknown) =>
      elements(json).map((item) => [item ?? null]),
    ),
    declare(`${prefix}_array_elements_text`, [jsonb], [column('value', text)], (json: unknown) =>
      elements(json).map((item) => [jsonText(item)]),
    ),
    declare(each, [jsonb], [column('key', text), column('value', jsonb)], (json: unknown) =>
      members(each, json).map(([key, value]) => [key, value ?? null]),
    ),
    declare(`${each}_text`, [jsonb], [column('key', text), column('value', text)], (json: unknown) =>
      members(each, json).map(([key, value]) => [key, jsonText(value)]),
    ),
    declare(keys, [jsonb], [column(keys, text)], (json: unknown) => members(keys, json).map(([key]) => [key])),
  ];
}

/** A row for each match with flag `g`, else for the first alone. */
function matches(): readonly Declaration[] {
  const { text } = TYPE;
  const columns = [column('regexp_matches', arrayType(text))];
  function* rows(value: string, pattern: string, flags?: string): Iterable<readonly unknown[]> {
    for (const groups of regularExpressionMatches(value, pattern, flags)) yield [groups];
  }
  return [2, 3].map((length) =>
    declare(
      'regexp_matches',
      Array.from({ length }, () => text),
      columns,
      rows,
    ),
  );
}

/** A function of rows that is one of arrays, with its elements as rows: of the array function's forms with so many arguments. */
function elementsOf(name: string, arrayFunction: string, ...lengths: readonly number[]): readonly Declaration[] {
  return lengths.map((length) => {
    const args = Array.from({ length }, () => TYPE.text);
    return {
      name,
      args,
      columns: [column(name, TYPE.text)],
      rows: (values) => {
        const found = findOverload(arrayFunction, args)!;
        if (found.strict && values.includes(null as never)) return [];
        const array = found.apply(...values) as readonly unknown[] | null;
        return (array ?? []).map((item) => [item]);
      },
    };
  });
}

const DECLARATIONS: readonly Declaration[] = [
  ...series(TYPE.int4, TYPE.int4, 1, wholeSeries),
  ...series(TYPE.int8, TYPE.int8, 1n, bigSeries),
  ...series(TYPE.numeric, TYPE.numeric, Decimal.of(1), decimalSeries),
  ...series(TYPE.timestamp, TYPE.interval, undefined, timeSeries(TYPE.timestamp)),
  ...series(TYPE.timestamptz, TYPE.interval, undefined, timeSeries(TYPE.timestamptz)),
  ...jsonFunctions('jsonb'),
  ...jsonFunctions('json'),
  ...elementsOf('regexp_split_to_table', 'regexp_split_to_array', 2, 3),
  ...elementsOf('string_to_table', 'string_to_array', 2, 3),
  ...matches(),
];

/**
 * The function of this name for arguments of exactly these types; undefined when there is none. `unnest` takes any number of arrays:
 * one column each, the shorter ones filled up with nulls.
 */
export function tableFunction(name: string, argTypes: readonly DataType[]): TableFunction | undefined {
  if (name === 'unnest') return unnest(argTypes);
  const found = DECLARATIONS.find(
    (candidate) =>
      candidate.name === name &&
      candidate.args.length === argTypes.length &&
      candidate.args.every((type, index) => type.kind === argTypes[index]!.kind),
  );
  if (found === undefined) return undefined;
  return { columns: found.columns, rows: (args) => bounded(found.rows(args as readonly never[]), name) };
}

/** Argument types that the name may be called with; empty for `unnest`, which takes arrays of anything, and for unknown names. */
export function tableFunctionForms(name: string): readonly (readonly DataType[])[] {
  return DECLARATIONS.filter((candidate) => candidate.name === name).map((candidate) => candidate.args);
}

export function tableFunctionNames(): readonly string[] {
  return ['unnest', ...new Set(DECLARATIONS.map((declaration) => declaration.name))];
}

function unnest(argTypes: readonly DataType[]): TableFunction | undefined {
  if (argTypes.length === 0 || argTypes.some((type) => type.kind !== 'array')) return undefined;
  const columns = argTypes.map((type) => column('unnest', innermost(type)));
  return { columns, rows: (args) => bounded(zip(args.map((arg, index) => flat(arg, argTypes[index]!))), 'unnest') };
}

function innermost(type: DataType): DataType {
  return type.kind === 'array' ? innermost(type.element) : type;
}

/** The elements of all dimensions, in the order in which they are stored. */
function flat(value: unknown, type: DataType): readonly unknown[] {
  if (value === null || value === undefined || type.kind !== 'array') return [];
  const { element } = type;
  const items = value as readonly unknown[];
  return element.kind === 'array' ? items.flatMap((item) => flat(item, element)) : items;
}

function* zip(lists: readonly (readonly unknown[])[]): Iterable<readonly unknown[]> {
  const length = Math.max(...lists.map((list) => list.length));
  for (let row = 0; row < length; row++) yield lists.map((list) => list[row] ?? null);
}
