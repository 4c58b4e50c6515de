import { parseDurationMs, parseDurationUs } from '../base/duration.ts';
import { overNode, topNNode } from '../plan/analytic-factory.ts';
import { columnReference } from '../plan/expression-factory.ts';
import {
  aggregateNode,
  deduplicateNode,
  distinctNode,
  filterNode,
  projectNode,
  setOperationNode,
  sourceNode,
  WINDOW_END,
  WINDOW_START,
  windowNode,
} from '../plan/factory.ts';
import type { OutputNode, PlanNode } from '../plan/node.ts';
import type { TypeKind } from '../plan/type-name.ts';
import { viewSource } from '../plan/view-source.ts';
import { FUTURE_LIMIT_DEFAULT_MS, IDLE_TIMEOUT_DEFAULT_MS } from '../plan/watermark-default.ts';
import type { Aggregate } from './aggregate.ts';
import type { ColumnType } from './column-type.ts';
import { type AsOfOptions, asOfPlan, existencePlan, type JoinOptions, joinPlan } from './join.ts';
import { type Lookup, type LookupKeys, lookupPlan } from './lookup.ts';
import { type MatchOptions, matchPlan } from './pattern.ts';
import { columnIndex, namedValues, type Row, rowOf, type Shape } from './row.ts';
import { desc, type SortOrder } from './sort-order.ts';
import { expandPlan, type TableCall } from './table-function.ts';
import type { Value } from './value.ts';
import { type Frame, type WindowValue, windowFrame } from './window-function.ts';

type ShapeOfValues<Values extends Readonly<Record<string, Value>>> = {
  readonly [Name in keyof Values]: Values[Name] extends Value<infer Kind> ? Kind : never;
};
type ShapeOfAggregates<Values extends Readonly<Record<string, Aggregate>>> = {
  readonly [Name in keyof Values]: Values[Name] extends Aggregate<infer Kind> ? Kind : never;
};
type ShapeOfColumns<Columns extends Readonly<Record<string, ColumnType>>> = {
  readonly [Name in keyof Columns]: Columns[Name] extends ColumnType<infer Kind> ? Kind : never;
};
type TimeColumn<Columns extends Shape> = {
  [Name in keyof Columns]: Columns[Name] extends 'timestamp' | 'timestamptz' ? Name : never;
}[keyof Columns] &
  string;
type Simplify<Columns> = { readonly [Name in keyof Columns]: Columns[Name] };

/** Rows of a topic, or made from them. Every method gives a new stream; what two share is computed once. */
export class Stream<Columns extends Shape> {
  readonly node: PlanNode;
  /** Exists for the compiler only. */
  declare readonly shape: Columns;

  constructor(node: PlanNode) {
    this.node = node;
  }

  /** Keeps the rows for which the condition is true. */
  filter(condition: (row: Row<Columns>) => Value<'boolean'>): Stream<Columns> {
    return new Stream<Columns>(filterNode(this.node, condition(rowOf(this.node)).expression));
  }

  /** Exactly these columns: an object of name and expression, in its order. */
  select<Values extends Readonly<Record<string, Value>>>(
    columns: (row: Row<Columns>) => Values,
  ): Stream<ShapeOfValues<Values>> {
    return new Stream(projectNode(this.node, namedValues(columns(rowOf(this.node)))));
  }

  /** All columns, and these computed ones after them. */
  with<Values extends Readonly<Record<string, Value>>>(
    columns: (row: Row<Columns>) => Values,
  ): Stream<Simplify<Omit<Columns, keyof Values> & ShapeOfValues<Values>>> {
    const values = columns(rowOf(this.node));
    const kept = this.node.columns.flatMap((column, index) =>
      Object.hasOwn(values, column.name)
        ? []
        : [{ name: column.name, expression: columnReference(this.node.columns, index) }],
    );
    return new Stream(projectNode(this.node, [...kept, ...namedValues(values)]));
  }

  /** The first row per key within the time-to-live (a duration such as `1 hour`). */
  deduplicate(
    key: (keyof Columns & string) | readonly (keyof Columns & string)[],
    options: { readonly ttl: string },
  ): Stream<Columns> {
    const names = typeof key === 'string' ? [key] : (key as readonly string[]);
    const keys = names.map((name) => columnIndex(this.node, name));
    return new Stream<Columns>(deduplicateNode(this.node, keys, parseDurationMs(options.ttl)));
  }

  /** Puts each row into a window of this size by its event time; `groupBy` then groups by the window too. */
  tumble(
    time: TimeColumn<Columns>,
    size: string,
    options: { readonly offset?: string } = {},
  ): WindowedStream<Columns, Columns[typeof time]> {
    const window = {
      kind: 'tumbling' as const,
      sizeUs: parseDurationUs(size),
      offsetUs: options.offset === undefined ? 0n : parseDurationUs(options.offset),
    };
    return new WindowedStream(windowNode(this.node, window, columnIndex(this.node, time)));
  }

  /** Puts each row into every window of this size that holds its time; one begins every `every`. */
  hop(
    time: TimeColumn<Columns>,
    size: string,
    options: { readonly every: string; readonly offset?: string },
  ): WindowedStream<Columns, Columns[typeof time]> {
    const window = {
      kind: 'hopping' as const,
      sizeUs: parseDurationUs(size),
      slideUs: parseDurationUs(options.every),
      offsetUs: options.offset === undefined ? 0n : parseDurationUs(options.offset),
    };
    return new WindowedStream(windowNode(this.node, window, columnIndex(this.node, time)));
  }

  /** Rows of one key that follow each other within the gap are a window: from the first time to the last plus the gap. */
  session<Name extends keyof Columns & string>(
    time: TimeColumn<Columns>,
    gap: string,
    options: { readonly by?: readonly Name[] } = {},
  ): WindowedStream<Columns, Columns[typeof time]> {
    const keys = (options.by ?? []).map((name) => columnIndex(this.node, name));
    const window = { kind: 'session' as const, gapUs: parseDurationUs(gap), keys };
    return new WindowedStream(windowNode(this.node, window, columnIndex(this.node, time)));
  }

  /** Rows of both streams that belong together. */
  join<Right extends Shape, Values extends Readonly<Record<string, Value>>>(
    right: Stream<Right>,
    options: JoinOptions<Columns, Right, Values>,
  ): Stream<ShapeOfValues<Values>> {
    return new Stream(joinPlan(this.node, right.node, options));
  }

  /** The rows for which the other stream has one. */
  whereExists<Right extends Shape>(
    right: Stream<Right>,
    on: (left: Row<Columns>, right: Row<Right>) => Value<'boolean'>,
    options: { readonly ttl?: string } = {},
  ): Stream<Columns> {
    return new Stream(existencePlan('semi', this.node, right.node, on, options.ttl));
  }

  /** The rows for which the other stream has none. */
  whereNotExists<Right extends Shape>(
    right: Stream<Right>,
    on: (left: Row<Columns>, right: Row<Right>) => Value<'boolean'>,
    options: { readonly ttl?: string } = {},
  ): Stream<Columns> {
    return new Stream(existencePlan('anti', this.node, right.node, on, options.ttl));
  }

  /** Each row with the version of the other stream that was valid at its time. */
  joinAsOf<Right extends Shape, Values extends Readonly<Record<string, Value>>>(
    right: Stream<Right>,
    options: AsOfOptions<Columns, Right, Values>,
  ): Stream<ShapeOfValues<Values>> {
    return new Stream(asOfPlan(this.node, right.node, options));
  }

  /** Each row with what a look-up finds for its key; rows for which it finds nothing are left out, unless they are `optional`. */
  lookup<Keys extends Readonly<Record<string, ColumnType>>, Found extends Readonly<Record<string, ColumnType>>>(
    declared: Lookup<Keys, Found>,
    keys: (row: Row<Columns>) => LookupKeys<Keys>,
    options: { readonly optional?: boolean } = {},
  ): Stream<Simplify<Columns & ShapeOfColumns<Found>>> {
    const join = options.optional === true ? 'left' : 'inner';
    return new Stream(lookupPlan(this.node, declared, keys(rowOf(this.node)), join));
  }

  /** Each row with each of the rows that a function gives for it; rows for which it gives none are left out, unless they are `optional`. */
  expand<Made extends Readonly<Record<string, ColumnType>>>(
    call: (row: Row<Columns>) => TableCall<Made>,
    options: { readonly optional?: boolean } = {},
  ): Stream<Simplify<Columns & ShapeOfColumns<Made>>> {
    return new Stream(expandPlan(this.node, call(rowOf(this.node)), options.optional === true));
  }

  /** Rows that are equal become one. */
  distinct(): Stream<Columns> {
    return new Stream(distinctNode(this.node));
  }

  /** The rows of all; columns by position, with the names of the first. Without `all` equal rows become one. */
  union(others: readonly Stream<Columns>[], options: { readonly all?: boolean } = {}): Stream<Columns> {
    const inputs = [this.node, ...others.map((other) => other.node)];
    return new Stream(setOperationNode('union', options.all ?? false, inputs));
  }

  /** The rows that the other does not have. With `all` one for one. */
  except(other: Stream<Columns>, options: { readonly all?: boolean } = {}): Stream<Columns> {
    return new Stream(setOperationNode('except', options.all ?? false, [this.node, other.node]));
  }

  /** The rows that both have. With `all` one for one. */
  intersect(other: Stream<Columns>, options: { readonly all?: boolean } = {}): Stream<Columns> {
    return new Stream(setOperationNode('intersect', options.all ?? false, [this.node, other.node]));
  }

  /** The first rows in order, of each key or of all; kept up to date. */
  topN<Name extends keyof Columns & string, RankName extends string = never>(options: {
    readonly by?: readonly Name[];
    readonly orderBy: (row: Row<Columns>) => readonly SortOrder[];
    readonly limit: number;
    readonly offset?: number;
    /** `rank` and `dense_rank` keep rows that are equal to the last. */
    readonly rank?: 'row_number' | 'rank' | 'dense_rank';
    /** Name of a column with the place of the row. */
    readonly rankAs?: RankName;
  }): Stream<Simplify<Columns & { readonly [Rank in RankName]: 'int8' }>> {
    const { by = [], orderBy, limit, offset = 0, rank = 'row_number', rankAs } = options;
    const spec = {
      input: this.node,
      partition: by.map((name) => columnIndex(this.node, name)),
      keys: orderBy(rowOf<Columns>(this.node)).map(({ key }) => key),
      limit,
      offset,
      rank,
      withRank: rankAs !== undefined,
    };
    return new Stream(topNNode(spec, rankAs));
  }

  /** The last row of each key by a time (or anything with an order). */
  latest<Name extends keyof Columns & string>(
    by: readonly Name[],
    time: (row: Row<Columns>) => Value,
  ): Stream<Columns> {
    return this.topN({ by, orderBy: (row) => [desc(time(row), { nulls: 'last' })], limit: 1 }) as Stream<Columns>;
  }

  /** All columns, and those of functions over the rows around each row. */
  over<Values extends Readonly<Record<string, WindowValue>>>(
    window: {
      readonly by?: readonly (keyof Columns & string)[];
      readonly orderBy?: (row: Row<Columns>) => readonly SortOrder[];
      readonly frame?: Frame;
    },
    columns: (row: Row<Columns>) => Values,
  ): Stream<
    Simplify<Columns & { readonly [Name in keyof Values]: Values[Name] extends WindowValue<infer Kind> ? Kind : never }>
  > {
    const row = rowOf<Columns>(this.node);
    const keys = (window.orderBy?.(row) ?? []).map(({ key }) => key);
    const frame = windowFrame(window.frame, keys[0]?.expression.type);
    const values = Object.entries(columns(row));
    const spec = {
      input: this.node,
      partition: (window.by ?? []).map((name) => columnReference(this.node.columns, columnIndex(this.node, name))),
      keys,
      calls: values.map(([, { call }]) => ({ ...call, frame })),
    };
    return new Stream(
      overNode(
        spec,
        values.map(([name]) => name),
      ),
    );
  }

  /** Patterns of rows that follow each other, of each key: one row per match, with the key columns and the measures. */
  match<Key extends keyof Columns & string, Name extends string, Measures extends Readonly<Record<string, Value>>>(
    options: MatchOptions<Columns, Name, Measures> & { readonly by?: readonly Key[] },
  ): Stream<Simplify<Pick<Columns, Key> & ShapeOfValues<Measures>>> {
    return new Stream(matchPlan(this.node, options));
  }

  /** Groups without a window: one row per key, for ever. */
  groupBy<Name extends keyof Columns & string>(...names: readonly Name[]): Grouped<Columns, Pick<Columns, Name>> {
    return new Grouped(this.node, names);
  }
}

/** Rows in windows: what is left is to group them. */
export class WindowedStream<Columns extends Shape, TimeKind extends TypeKind> {
  readonly node: PlanNode;

  constructor(node: PlanNode) {
    this.node = node;
  }

  /** One row per window and key, with `window_start` and `window_end` before the keys. */
  groupBy<Name extends keyof Columns & string>(
    ...names: readonly Name[]
  ): Grouped<Columns, { readonly window_start: TimeKind; readonly window_end: TimeKind } & Pick<Columns, Name>> {
    return new Grouped(this.node, [WINDOW_START, WINDOW_END, ...names]);
  }
}

/** Rows in groups, to be aggregated. */
export class Grouped<Columns extends Shape, Keys extends Shape> {
  readonly #node: PlanNode;
  readonly #keys: readonly string[];

  constructor(node: PlanNode, keys: readonly string[]) {
    this.#node = node;
    this.#keys = keys;
  }

  /** The key columns, then these aggregates. */
  aggregate<Values extends Readonly<Record<string, Aggregate>>>(
    aggregates: (row: Row<Columns>) => Values,
  ): Stream<Simplify<Keys & ShapeOfAggregates<Values>>> {
    const groups = this.#keys.map((name) => ({
      name,
      expression: columnReference(this.#node.columns, columnIndex(this.#node, name)),
    }));
    const calls = Object.entries(aggregates(rowOf(this.#node))).map(([name, { call }]) => ({ name, call }));
    return new Stream(aggregateNode(this.#node, groups, calls));
  }
}

/**
 * Declares an input topic as a typed stream.
 *
 * @example
 * ```ts
 * const orders = source('orders', {
 *   columns: { id: t.text().notNull(), at: t.timestamptz().notNull(), amount: t.numeric(12, 2).path('data', 'amount') },
 *   watermark: { column: 'at', delay: '5 seconds' },
 * });
 * orders.node.columns.map((column) => column.name); // ['id', 'at', 'amount']
 * ```
 */
export function source<const Columns extends Readonly<Record<string, ColumnType>>>(
  name: string,
  spec: {
    /** Name of the topic; the source's name without it. */
    readonly topic?: string;
    readonly columns: Columns;
    /** The topic holds a table: a record replaces the row with the same key, and one without a value deletes it. */
    readonly primaryKey?: readonly (keyof Columns & string)[];
    readonly watermark?: {
      readonly column: TimeColumn<ShapeOfColumns<Columns>>;
      /** How far rows may be out of order; `0 s` without it. */
      readonly delay?: string;
      readonly idleTimeout?: string;
      readonly futureLimit?: string;
    };
  },
): Stream<ShapeOfColumns<Columns>> {
  const columns = Object.entries(spec.columns).map(([column, declared]) => ({
    name: column,
    type: declared.type,
    nullable: declared.nullable,
    path: declared.jsonPath ?? [column],
  }));
  const { watermark } = spec;
  const duration = (text: string | undefined, otherwise: number): number =>
    text === undefined ? otherwise : parseDurationMs(text);
  const keys = spec.primaryKey?.map((key) => columns.findIndex((column) => column.name === key));
  const node = sourceNode({
    name,
    topic: spec.topic ?? name,
    columns,
    ...(keys !== undefined && { changes: { mode: 'upsert' as const, keys } }),
    watermark:
      watermark === undefined
        ? undefined
        : {
            columnIndex: columns.findIndex((column) => column.name === watermark.column),
            delayUs: parseDurationUs(watermark.delay ?? '0 s'),
            idleTimeoutMs: duration(watermark.idleTimeout, IDLE_TIMEOUT_DEFAULT_MS),
            futureLimitMs: duration(watermark.futureLimit, FUTURE_LIMIT_DEFAULT_MS),
          },
  });
  return new Stream(node);
}

/** Rows of a view of another pipeline, as they change. */
export function fromView<Columns extends Shape>(view: {
  readonly output: OutputNode;
  readonly shape?: Columns;
}): Stream<Columns> {
  return new Stream(viewSource(view.output));
}
