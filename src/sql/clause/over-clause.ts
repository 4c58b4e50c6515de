import type { FuncCall, Node, WindowDef } from 'libpg-query';
import { isAggregateName } from '../../plan/aggregate/aggregate-name.ts';
import { overNode } from '../../plan/analytic-factory.ts';
import { coerce, coerceAll, type Operand, operandType } from '../../plan/coercion.ts';
import type { DataType } from '../../plan/data-type.ts';
import type { Expression } from '../../plan/expression.ts';
import { columnReference } from '../../plan/expression-factory.ts';
import type { NamedExpression } from '../../plan/factory.ts';
import type { AggregateCall, PlanNode, SortKey, WindowCall } from '../../plan/node.ts';
import { mapColumns } from '../../plan/optimizer/rewrite.ts';
import { serializeExpression } from '../../plan/pipeline-text.ts';
import { TYPE } from '../../plan/type-name.ts';
import type { WindowFrame } from '../../plan/window-shape.ts';
import { type AggregateCollector, type BindContext, ExpressionBinder } from '../expression-binder.ts';
import { WINDOW_PLACEHOLDER } from '../placeholder.ts';
import type { Scope } from '../scope.ts';
import { bareName, nodeLocation } from '../text/syntax-tree.ts';
import { sortItem } from './sort-item.ts';
import { bindFrame, DEFAULT_FRAME } from './window-frame.ts';

interface BoundWindow {
  readonly partition: readonly Expression[];
  readonly keys: readonly SortKey[];
  readonly frame: WindowFrame;
}

interface BoundCall {
  readonly window: BoundWindow;
  readonly call: WindowCall;
  readonly name: string;
  readonly at: number;
}

/** Functions that need a window: their least and greatest number of arguments. */
const WINDOW_FUNCTIONS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  row_number: [0, 0],
  rank: [0, 0],
  dense_rank: [0, 0],
  percent_rank: [0, 0],
  cume_dist: [0, 0],
  ntile: [1, 1],
  lag: [1, 3],
  lead: [1, 3],
  first_value: [1, 1],
  last_value: [1, 1],
  nth_value: [2, 2],
};

const RESULTS: Readonly<Record<string, DataType>> = {
  row_number: TYPE.int8,
  rank: TYPE.int8,
  dense_rank: TYPE.int8,
  percent_rank: TYPE.float8,
  cume_dist: TYPE.float8,
  ntile: TYPE.int4,
};

/** Aggregates that take their rows in an order of their own: PostgreSQL has no windows of them. */
const ORDERED_SETS: ReadonlySet<string> = new Set(['percentile_cont', 'percentile_disc', 'mode']);

/** Bit of `frameOptions`: a frame is written (PostgreSQL, src/include/nodes/parsenodes.h). */
const FRAME_GIVEN = 0x1;

export interface OverSpec {
  readonly context: BindContext;
  readonly scope: Scope;
  /** Named windows: the WINDOW clause. */
  readonly windows: readonly Node[] | undefined;
  /** Aggregates may stand inside of a window function: they are of the grouped rows. */
  readonly aggregates: AggregateCollector;
  readonly intercept: (node: Node) => Operand | undefined;
}

/** Gathers the calls with OVER of one SELECT; each stands as a placeholder until its node is made. */
export class OverClause {
  /** Binds what stands inside of a window: no window function among it. */
  readonly binder: ExpressionBinder;
  readonly #spec: OverSpec;
  readonly #calls: BoundCall[] = [];
  readonly #named = new Map<string, WindowDef>();

  constructor(spec: OverSpec) {
    this.#spec = spec;
    this.binder = new ExpressionBinder(spec.context, spec.scope, spec.aggregates, spec.intercept);
    for (const node of spec.windows ?? []) {
      if (!('WindowDef' in node)) continue;
      const { name = '', refname, location } = node.WindowDef;
      if (this.#named.has(name)) throw this.#error(location, `window "${name}" is already defined`);
      if (refname !== undefined) this.#namedWindow(refname, location);
      this.#named.set(name, node.WindowDef);
    }
  }

  get used(): boolean {
    return this.#calls.length > 0;
  }

  /** A placeholder for a call with OVER; undefined for anything else. */
  readonly intercept = (node: Node): Operand | undefined => {
    if (!('FuncCall' in node)) return undefined;
    const { over, funcname } = node.FuncCall;
    if (over !== undefined) return this.#add(node.FuncCall, over, node);
    const name = bareName(funcname);
    if (WINDOW_FUNCTIONS[name] !== undefined && !isAggregateName(name)) {
      throw this.#error(
        nodeLocation(node),
        `window function ${name} requires an OVER clause`,
        `write ${name}() OVER (ORDER BY ...)`,
      );
    }
    return undefined;
  };

  /** The node with a column for each call; `rebase` turns expressions over the rows of FROM into ones over `input`. */
  node(
    input: PlanNode,
    targets: readonly NamedExpression[],
    rebase: (expression: Expression, at: number) => Expression,
  ): { readonly node: PlanNode; readonly place: (expression: Expression) => Expression } {
    const positions = new Map<number, number>();
    const groups = new Map<string, number[]>();
    const rebased = this.#calls.map((bound) => rebaseCall(bound, (expression) => rebase(expression, bound.at)));
    rebased.forEach(({ window }, index) => {
      const text = JSON.stringify([window.partition.map(serializeExpression), sortText(window.keys)]);
      groups.set(text, [...(groups.get(text) ?? []), index]);
    });
    let node = input;
    for (const members of groups.values()) {
      members.forEach((member, index) => {
        positions.set(member, node.columns.length + index);
      });
      const { partition, keys } = rebased[members[0]!]!.window;
      const calls = members.map((member) => rebased[member]!.call);
      node = overNode(
        { input: node, partition, keys, calls },
        members.map((member) => this.#nameOf(member, targets)),
      );
    }
    const { columns } = node;
    const place = (expression: Expression): Expression =>
      mapColumns(expression, (column) => {
        const position = positions.get(column.index - WINDOW_PLACEHOLDER);
        return position === undefined ? column : columnReference(columns, position);
      });
    return { node, place };
  }

  #nameOf(index: number, targets: readonly NamedExpression[]): string {
    const placeholder = WINDOW_PLACEHOLDER + index;
    const target = targets.find(({ expression }) => expression.kind === 'column' && expression.index === placeholder);
    return target?.name ?? `${this.#calls[index]!.name}_${index + 1}`;
  }

  #error(location: number | undefined, message: string, next?: string, code = 'SQL_INVALID_CLAUSE'): Error {
    const { source, place } = this.#spec.context;
    return source.error(place(location), message, {
      code,
      ...(next === undefined ? {} : { next }),
    });
  }

  #add(fn: FuncCall, over: WindowDef, node: Node): Expression {
    const name = bareName(fn.funcname);
    const window = this.#window(over);
    const call = this.#call(name, fn, node, window.frame);
    const bound: BoundCall = { window, call, name, at: this.#spec.context.place(nodeLocation(node)) };
    const text = callText(bound);
    const known = this.#calls.findIndex((other) => callText(other) === text);
    const index = known >= 0 ? known : this.#calls.push(bound) - 1;
    return Object.freeze({ kind: 'column', type: call.type, index: WINDOW_PLACEHOLDER + index, name });
  }

  #call(name: string, fn: FuncCall, node: Node, frame: WindowFrame): WindowCall {
    const limits = WINDOW_FUNCTIONS[name];
    if (limits === undefined) {
      const aggregate = this.#aggregate(name, fn, node);
      return { function: 'aggregate', args: [], aggregate, frame, type: aggregate.type };
    }
    if (fn.agg_filter !== undefined) {
      throw this.#error(
        nodeLocation(node),
        'FILTER is for aggregates, not for window functions',
        'write CASE inside of it',
      );
    }
    if (fn.agg_distinct === true || fn.agg_order !== undefined) {
      throw this.#error(
        nodeLocation(node),
        `${name} takes no DISTINCT and no ORDER BY of its own`,
        'write ORDER BY inside of OVER',
      );
    }
    const operands = (fn.args ?? []).map((arg) => this.binder.operand(arg));
    const [least, most] = limits;
    if (operands.length < least || operands.length > most) {
      const wanted = least === most ? `${least}` : `${least} to ${most}`;
      throw this.#error(
        nodeLocation(node),
        `function ${name}(${operands.map(operandType).join(', ')}) does not exist`,
        `${name} takes ${wanted} argument${wanted === '1' ? '' : 's'}`,
        'PLAN_TYPE_MISMATCH',
      );
    }
    const at = this.#spec.context.place(nodeLocation(node));
    const args = this.#spec.context.source.locate(at, () => windowArguments(name, operands));
    return { function: name as WindowCall['function'], args, frame, type: RESULTS[name] ?? args[0]!.type };
  }

  #aggregate(name: string, fn: FuncCall, node: Node): AggregateCall {
    if (fn.agg_distinct === true || fn.agg_order !== undefined || ORDERED_SETS.has(name)) {
      const what =
        fn.agg_distinct === true ? 'DISTINCT' : ORDERED_SETS.has(name) ? name : 'ORDER BY inside of an aggregate';
      throw this.#error(
        nodeLocation(node),
        `${what} is not supported with OVER`,
        'aggregate in a sub-query, and join it',
        'SQL_NOT_SUPPORTED',
      );
    }
    const { context, scope, aggregates, intercept } = this.#spec;
    let found: AggregateCall | undefined;
    const capture = (call: AggregateCall): Expression => {
      found = call;
      return columnReference([{ name, type: call.type, nullable: true }], 0);
    };
    const { over: _, ...bare } = fn;
    const collector = Object.assign(capture, { within: aggregates });
    const binder = new ExpressionBinder(context, scope, collector, intercept);
    binder.operand({ FuncCall: bare });
    if (found !== undefined) return found;
    throw this.#error(
      nodeLocation(node),
      `OVER is given, but ${name} is neither a window function nor an aggregate`,
      'remove OVER',
    );
  }

  /** `OVER name` or `OVER (...)`. */
  #window(over: WindowDef): BoundWindow {
    return this.#definition(over.name === undefined ? over : this.#namedWindow(over.name, over.location));
  }

  #namedWindow(name: string, location: number | undefined): WindowDef {
    const named = this.#named.get(name);
    if (named === undefined) throw this.#unknownWindow(name, location);
    return named;
  }

  /** A window may build on a named one: what may be added to that is as in PostgreSQL. */
  #definition(definition: WindowDef): BoundWindow {
    const { partitionClause, orderClause } = this.#inherited(definition);
    return this.#bound(definition, partitionClause, orderClause);
  }

  #inherited(definition: WindowDef): { partitionClause: readonly Node[]; orderClause: readonly Node[] } {
    const { refname, location, partitionClause = [], orderClause = [] } = definition;
    if (refname === undefined) return { partitionClause, orderClause };
    const base = this.#namedWindow(refname, location);
    const next = 'write the whole window';
    if (partitionClause.length > 0) {
      throw this.#error(location, `cannot override PARTITION BY of window "${refname}"`, next);
    }
    const inherited = this.#inherited(base);
    if (orderClause.length > 0 && inherited.orderClause.length > 0) {
      throw this.#error(location, `cannot override ORDER BY of window "${refname}"`, next);
    }
    if (((base.frameOptions ?? 0) & FRAME_GIVEN) !== 0) {
      throw this.#error(
        location,
        `cannot copy window "${refname}" because it has a frame clause`,
        `write OVER ${refname}`,
      );
    }
    return {
      partitionClause: inherited.partitionClause,
      orderClause: orderClause.length > 0 ? orderClause : inherited.orderClause,
    };
  }

  #unknownWindow(name: string, location: number | undefined): Error {
    const known = [...this.#named.keys()].join(', ');
    return this.#error(
      location,
      `window "${name}" does not exist`,
      known === '' ? `add WINDOW ${name} AS (...)` : `there is ${known}`,
      'SQL_UNKNOWN_WINDOW',
    );
  }

  #bound(definition: WindowDef, partition: readonly Node[], order: readonly Node[]): BoundWindow {
    const keys = order.map((item): SortKey => {
      const { node, descending, nullsFirst } = sortItem(this.#spec.context, item);
      return { expression: this.binder.bind(node), descending, nullsFirst };
    });
    return {
      partition: partition.map((node) => this.binder.bind(node)),
      keys,
      frame: bindFrame(this.#spec.context, definition, keys),
    };
  }
}

function windowArguments(name: string, operands: readonly Operand[]): Expression[] {
  const [value, second, ...rest] = operands;
  if (value === undefined) return [];
  if (name === 'ntile') return [coerce(value, TYPE.int4)];
  const withDefault = rest.length === 0 ? coerceAll([value], name) : coerceAll([value, ...rest], name);
  const count = second === undefined ? [] : [coerce(second, TYPE.int4)];
  return [withDefault[0]!, ...count, ...withDefault.slice(1)];
}

function sortText(keys: readonly SortKey[]): readonly unknown[] {
  return keys.map((key) => [serializeExpression(key.expression), key.descending, key.nullsFirst]);
}

function callText({ window, call }: BoundCall): string {
  const { aggregate } = call;
  const of = (expression: Expression | undefined): string | null =>
    expression === undefined ? null : serializeExpression(expression);
  return JSON.stringify(
    [
      window.partition.map(serializeExpression),
      sortText(window.keys),
      call.function,
      call.args.map(serializeExpression),
      call.frame,
      aggregate && [
        aggregate.function,
        of(aggregate.argument),
        of(aggregate.filter),
        aggregate.extra?.map(serializeExpression),
        aggregate.user,
      ],
    ],
    (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value),
  );
}

/** The frame of a function that has none of its own is the same for all, so that equal calls are one. */
function rebaseCall(bound: BoundCall, rebase: (expression: Expression) => Expression): BoundCall {
  const { window, call } = bound;
  const key = (sort: SortKey): SortKey => ({ ...sort, expression: rebase(sort.expression) });
  const { aggregate } = call;
  const moved: AggregateCall | undefined = aggregate && {
    ...aggregate,
    argument: aggregate.argument && rebase(aggregate.argument),
    filter: aggregate.filter && rebase(aggregate.filter),
    ...(aggregate.extra !== undefined && { extra: aggregate.extra.map(rebase) }),
  };
  return {
    ...bound,
    window: { ...window, partition: window.partition.map(rebase), keys: window.keys.map(key) },
    call: {
      ...call,
      args: call.args.map(rebase),
      frame: FRAMED.has(call.function) ? call.frame : DEFAULT_FRAME,
      ...(moved !== undefined && { aggregate: moved }),
    },
  };
}

const FRAMED: ReadonlySet<WindowCall['function']> = new Set(['aggregate', 'first_value', 'last_value', 'nth_value']);
