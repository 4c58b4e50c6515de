import { overNode, tableFunctionNode, temporalJoinNode, topNNode } from '../analytic-factory.ts';
import type { Expression } from '../expression.ts';
import { columnReference, literal } from '../expression-factory.ts';
import {
  aggregateNode,
  deduplicateNode,
  distinctNode,
  filterNode,
  inputsOf,
  joinNode,
  projectNode,
  setOperationNode,
  windowNode,
} from '../factory.ts';
import type {
  AggregateCall,
  AggregateNode,
  FilterNode,
  JoinNode,
  PlanNode,
  SetOperationNode,
  SortKey,
  TableFunctionNode,
  TemporalJoinNode,
  ValuesNode,
} from '../node.ts';
import {
  allColumns,
  bindingColumns,
  conjunction,
  emptyResult,
  equality,
  isBoundTo,
  narrow,
  notCorrelatable,
  type Pushed,
  project,
  sameExpression,
  shifted,
  uniqueBindings,
  unitValues,
  withoutNulls,
} from '../pushed-plan.ts';
import { TYPE } from '../type-name.ts';
import { isCorrelated, localColumnsOf, mapColumnsIn, outerColumn, outerColumnsOf } from './outer-reference.ts';
import { conjunctsOf } from './rewrite.ts';

/**
 * Takes the outer references out of a plan by pushing the values of the outer rows down to where they are used (T. Neumann and
 * A. Kemper, "Unnesting Arbitrary Queries", BTW 2015). Where a filter says that a column equals a value of the outer row, that column
 * stands for the value, and the outer side is not read twice; else the distinct values of the outer side are joined in.
 *
 * What comes out may hold rows for values that no outer row has: the join with the outer side, on the bindings, leaves them out.
 */
export class Unnesting {
  readonly #left: PlanNode;
  readonly #level: number;
  readonly #ttlMs: number | undefined;

  constructor(left: PlanNode, level: number, ttlMs: number | undefined) {
    this.#left = left;
    this.#level = level;
    this.#ttlMs = ttlMs;
  }

  /** @throws HeadraceError `SQL_NOT_SUPPORTED` for what cannot be correlated */
  push(node: PlanNode): Pushed {
    if (!isCorrelated(node, this.#level)) return { node, columns: node.columns.map((_, at) => at), bindings: [] };
    switch (node.kind) {
      case 'filter':
        return this.#filter(node);
      case 'project': {
        const inner = this.ensure(this.push(node.input), node.expressions);
        const items = node.expressions.map((expression, at) => ({
          name: node.columns[at]!.name,
          expression: this.local(expression, inner),
        }));
        return project(inner, items);
      }
      case 'aggregate':
        return node.groups.length > 0 ? this.#aggregate(node) : this.#scalarAggregate(node);
      case 'join':
        return this.#join(node);
      case 'temporal-join':
        return this.#temporalJoin(node);
      case 'distinct': {
        const inner = narrow(this.push(node.input));
        return { ...inner, node: distinctNode(inner.node) };
      }
      case 'set-operation':
        return this.#setOperation(node);
      case 'sort':
        return this.push(node.input);
      case 'values':
        return this.#values(node);
      case 'table-function':
        return this.#tableFunction(node);
      default:
        return this.#partitioned(node);
    }
  }

  /** An expression of the original plan, over the pushed-down one. */
  local<Value>(value: Value, pushed: Pushed): Value {
    return mapColumnsIn(value, (column) => {
      const outer = outerColumn(column);
      if (outer === undefined) return columnReference(pushed.node.columns, pushed.columns[column.index]!);
      if (outer.level !== this.#level) return column;
      const binding = pushed.bindings.find(({ left }) => left.kind === 'column' && left.index === outer.index);
      if (binding === undefined) throw new Error(`outer column ${outer.index} is not bound`);
      return columnReference(pushed.node.columns, binding.at);
    });
  }

  /** Joins in the outer values that the expressions need and that nothing stands for yet. */
  ensure(pushed: Pushed, value: unknown): Pushed {
    const isBound = (index: number): boolean =>
      pushed.bindings.some(({ left }) => left.kind === 'column' && left.index === index);
    const missing = outerColumnsOf(value, this.#level).filter((index) => !isBound(index));
    return this.#bindDomain(
      pushed,
      missing.map((index) => columnReference(this.#left.columns, index)),
    );
  }

  #bindDomain(pushed: Pushed, values: readonly Expression[]): Pushed {
    if (values.length === 0) return pushed;
    const shift = pushed.node.columns.length;
    return {
      node: joinNode('cross', pushed.node, this.#domain(values), undefined, this.#ttlMs),
      columns: pushed.columns,
      bindings: [...pushed.bindings, ...values.map((left, at) => ({ left, at: shift + at, nullSafe: true }))],
    };
  }

  /** The distinct values that the outer rows have. */
  #domain(values: readonly Expression[]): PlanNode {
    return distinctNode(
      projectNode(
        this.#left,
        values.map((expression, at) => ({ name: `outer${at + 1}`, expression })),
      ),
    );
  }

  #filter(node: FilterNode): Pushed {
    let pushed = this.push(node.input);
    const rest: Expression[] = [];
    for (const part of conjunctsOf(node.predicate)) {
      const equal = this.#outerEquality(part);
      if (equal === undefined || isBoundTo(pushed, equal.left)) rest.push(part);
      else pushed = this.#bindEqual(pushed, equal);
    }
    if (rest.length === 0) return pushed;
    pushed = this.ensure(pushed, rest);
    return { ...pushed, node: filterNode(pushed.node, this.local(conjunction(rest), pushed)) };
  }

  /** `inner = outer`, where the one side has columns of the plan alone and the other those of the outer row alone. */
  #outerEquality(part: Expression): { readonly left: Expression; readonly inner: Expression } | undefined {
    if (part.kind !== 'call' || part.function !== 'eq') return undefined;
    const [first, second] = part.args as readonly [Expression, Expression];
    for (const [outer, inner] of [
      [first, second],
      [second, first],
    ] as const) {
      const isOuter = outerColumnsOf(outer, this.#level).length > 0 && localColumnsOf(outer).length === 0;
      if (isOuter && outerColumnsOf(inner, this.#level).length === 0 && localColumnsOf(inner).length > 0) {
        return { left: this.#overLeft(outer), inner };
      }
    }
    return undefined;
  }

  #overLeft(expression: Expression): Expression {
    return mapColumnsIn(expression, (column) => {
      const outer = outerColumn(column);
      return outer?.level === this.#level ? columnReference(this.#left.columns, outer.index) : column;
    });
  }

  #bindEqual(pushed: Pushed, equal: { readonly left: Expression; readonly inner: Expression }): Pushed {
    const inner = this.local(equal.inner, pushed);
    const width = pushed.node.columns.length;
    const isColumn = inner.kind === 'column';
    const node = isColumn
      ? pushed.node
      : projectNode(pushed.node, [...allColumns(pushed.node), { name: `key${width + 1}`, expression: inner }]);
    const at = isColumn ? inner.index : width;
    return { node, columns: pushed.columns, bindings: [...pushed.bindings, { left: equal.left, at, nullSafe: false }] };
  }

  #aggregate(node: AggregateNode): Pushed {
    const inner = this.ensure(this.push(node.input), [node.groups, node.aggregates]);
    const own = node.groups.map((group, at) => ({
      name: node.columns[at]!.name,
      expression: this.local(group, inner),
    }));
    const keys = bindingColumns(inner);
    const made = aggregateNode(inner.node, [...own, ...keys], this.#calls(node, inner));
    const shift = own.length + keys.length;
    return {
      node: made,
      columns: [...own.keys(), ...node.aggregates.map((_, at) => shift + at)],
      bindings: inner.bindings.map((binding, at) => ({ ...binding, at: own.length + at })),
    };
  }

  #calls(node: AggregateNode, inner: Pushed): { name: string; call: AggregateCall }[] {
    return node.aggregates.map((aggregate, at) => ({
      name: node.columns[node.groups.length + at]!.name,
      call: this.local(aggregate, inner),
    }));
  }

  /** Groups by the bindings: its columns are those, then the aggregates. Outer values without rows are missing. */
  groupByBindings(node: AggregateNode): Pushed {
    const inner = this.ensure(this.push(node.input), node.aggregates);
    const keys = bindingColumns(inner);
    return {
      node: aggregateNode(inner.node, keys, this.#calls(node, inner)),
      columns: node.aggregates.map((_, at) => keys.length + at),
      bindings: inner.bindings.map((binding, at) => ({ ...binding, at })),
    };
  }

  /** An aggregate without groups has a row for every outer value, also for one that no row belongs to. */
  #scalarAggregate(node: AggregateNode): Pushed {
    const grouped = this.groupByBindings(node);
    const domain = this.#domain(grouped.bindings.map(({ left }) => left));
    const shift = domain.columns.length;
    const on = grouped.bindings.map(({ at, nullSafe }, index) =>
      equality(columnReference(domain.columns, index), shifted(grouped.node, at, shift), nullSafe),
    );
    const joined = joinNode('left', domain, grouped.node, conjunction(on), this.#ttlMs);
    const results = node.aggregates.map((aggregate, at) => {
      const column = columnReference(joined.columns, shift + grouped.columns[at]!);
      const expression = emptyResult(aggregate, column);
      if (expression === undefined) throw notCorrelatable('an aggregate of a user function');
      return { name: node.columns[at]!.name, expression };
    });
    return {
      node: projectNode(joined, [...allColumns(joined).slice(0, shift), ...results]),
      columns: node.aggregates.map((_, at) => shift + at),
      bindings: grouped.bindings.map(({ left }, at) => ({ left, at, nullSafe: true })),
    };
  }

  #join(node: JoinNode): Pushed {
    if (node.join === 'full') throw notCorrelatable('a full join');
    let left = this.push(node.left);
    let right = this.push(node.right);
    const condition = node.condition ?? literal(true, TYPE.boolean);
    const free = outerColumnsOf(condition, this.#level).map((index) => columnReference(this.#left.columns, index));
    const unbound = (side: Pushed, values: readonly Expression[]): Expression[] =>
      values.filter((value) => !isBoundTo(side, value));
    const isInner = node.join === 'inner' || node.join === 'cross';
    if (node.join === 'right') {
      right = this.#bindDomain(right, unbound(right, [...left.bindings.map((binding) => binding.left), ...free]));
    } else if (!isInner) {
      left = this.#bindDomain(left, unbound(left, [...right.bindings.map((binding) => binding.left), ...free]));
    } else left = this.#bindDomain(left, unbound(left, unbound(right, free)));
    return this.#joinPushed(node, left, right, condition);
  }

  #joinPushed(node: JoinNode, left: Pushed, right: Pushed, condition: Expression): Pushed {
    const shift = left.node.columns.length;
    const moved = right.bindings.map((binding) => ({ ...binding, at: binding.at + shift }));
    const both: Pushed = {
      node: joinNode('cross', left.node, right.node, undefined),
      columns: [...left.columns, ...right.columns.map((at) => at + shift)],
      bindings: node.join === 'right' ? [...moved, ...left.bindings] : [...left.bindings, ...moved],
    };
    const on = conjunctsOf(this.local(condition, both)).filter(
      (part) => part.kind !== 'literal' || part.value !== true,
    );
    const equal = moved.flatMap((binding) => {
      const other = left.bindings.find((candidate) => sameExpression(candidate.left, binding.left));
      if (other === undefined) return [];
      const [a, b] = [columnReference(both.node.columns, other.at), columnReference(both.node.columns, binding.at)];
      return [equality(a, b, binding.nullSafe && other.nullSafe)];
    });
    const kind = node.join === 'cross' ? 'inner' : node.join;
    const made = joinNode(kind, left.node, right.node, conjunction([...equal, ...on]), node.ttlMs ?? this.#ttlMs);
    const keepsLeft = kind === 'semi' || kind === 'anti';
    const kept = kind === 'right' ? moved : kind === 'inner' ? uniqueBindings(both.bindings) : left.bindings;
    return {
      node: made,
      columns: keepsLeft ? left.columns : both.columns,
      bindings: kept,
    };
  }

  #temporalJoin(node: TemporalJoinNode): Pushed {
    if (isCorrelated(node.right, this.#level)) throw notCorrelatable('the table of a temporal join');
    const left = this.ensure(this.push(node.left), node.condition);
    const shift = left.node.columns.length;
    const right = node.right.columns.map((_, at) => shift + at);
    const both: Pushed = {
      node: joinNode('cross', left.node, node.right, undefined),
      columns: [...left.columns, ...right],
      bindings: left.bindings,
    };
    const made = temporalJoinNode({
      join: node.join,
      left: left.node,
      right: node.right,
      leftKeys: node.leftKeys.map((key) => left.columns[key]!),
      rightKeys: node.rightKeys,
      times: node.times && { ...node.times, left: left.columns[node.times.left]! },
      condition: this.local(node.condition, both),
    });
    return { ...both, node: made };
  }

  #setOperation(node: SetOperationNode): Pushed {
    const sides = node.inputs.map((input) => this.push(input));
    const values: Expression[] = [];
    for (const side of sides) {
      for (const { left } of side.bindings) if (!values.some((value) => sameExpression(value, left))) values.push(left);
    }
    const bound = sides.map((side) => {
      const all = this.#bindDomain(
        side,
        values.filter((value) => !isBoundTo(side, value)),
      );
      const bindings = values.map((value) => all.bindings.find(({ left }) => sameExpression(left, value))!);
      return { ...all, bindings };
    });
    const bindings = values.map((left, at) => ({
      left,
      at: node.columns.length + at,
      nullSafe: bound.some((side) => side.bindings[at]!.nullSafe),
    }));
    const inputs = bound.map((side) => {
      const strict = side.bindings.filter(({ nullSafe }, at) => !nullSafe && bindings[at]!.nullSafe);
      return narrow({ ...side, node: withoutNulls(side.node, strict) }).node;
    });
    const columns = node.columns.map((_, at) => at);
    return { node: setOperationNode(node.operation, node.all, inputs), columns, bindings };
  }

  #values(node: ValuesNode): Pushed {
    const unit: Pushed = { node: unitValues(node), columns: [], bindings: [] };
    const base = this.ensure(unit, node.rows);
    const rows = node.rows.map((row) =>
      project(
        base,
        row.map((expression, at) => ({ name: node.columns[at]!.name, expression: this.local(expression, base) })),
      ),
    );
    const first = rows[0]!;
    if (rows.length === 1) return first;
    const inputs = rows.map((row) => row.node);
    return { ...first, node: setOperationNode('union', true, inputs) };
  }

  #tableFunction(node: TableFunctionNode): Pushed {
    const inner = this.ensure(this.push(node.input), node.args);
    const width = node.input.columns.length;
    const own = node.columns.slice(width, node.ordinality ? -1 : undefined);
    const { user } = node;
    const made = tableFunctionNode(
      {
        input: inner.node,
        function: node.function,
        ...(user && { user }),
        args: node.args.map((arg) => this.local(arg, inner)),
        ordinality: node.ordinality,
        outer: node.outer,
      },
      own,
      node.columns.at(-1)?.name,
    );
    const shift = inner.node.columns.length;
    const added = node.columns.slice(width).map((_, at) => shift + at);
    return { node: made, columns: [...inner.columns, ...added], bindings: inner.bindings };
  }

  /** What works on the rows of one outer value at a time: limits, ranks, windows, deduplication. */
  #partitioned(node: PlanNode): Pushed {
    if (!('input' in node)) throw notCorrelatable(node.kind);
    if (node.kind === 'limit') return this.#limit(node);
    const inner = this.ensure(this.push(node.input), { ...node, input: undefined });
    const keys = inner.bindings.map(({ at }) => at);
    const place = (column: number): number => inner.columns[column]!;
    const appended = (made: PlanNode): Pushed => {
      const own = node.columns.slice(node.input.columns.length).map((_, at) => inner.node.columns.length + at);
      return { node: made, columns: [...inner.columns, ...own], bindings: inner.bindings };
    };
    switch (node.kind) {
      case 'top-n': {
        const partition = [...node.partition.map(place), ...keys];
        const rankName = node.withRank ? node.columns.at(-1)?.name : undefined;
        return appended(
          topNNode({ ...node, input: inner.node, partition, keys: this.#keys(node.keys, inner) }, rankName),
        );
      }
      case 'over': {
        const names = node.columns.slice(node.input.columns.length).map((column) => column.name);
        const partition = [
          ...node.partition.map((key) => this.local(key, inner)),
          ...bindingColumns(inner).map(({ expression }) => expression),
        ];
        const calls = node.calls.map((one) => this.local(one, inner));
        return appended(overNode({ input: inner.node, partition, keys: this.#keys(node.keys, inner), calls }, names));
      }
      case 'window': {
        const { window } = node;
        const moved = window.kind === 'session' ? { ...window, keys: [...window.keys.map(place), ...keys] } : window;
        return appended(windowNode(inner.node, moved, place(node.timeColumn)));
      }
      case 'deduplicate':
        return appended(deduplicateNode(inner.node, [...node.keys.map(place), ...keys], node.ttlMs));
      default:
        throw notCorrelatable(inputsOf(node).length > 0 ? `a ${node.kind}` : node.kind);
    }
  }

  #limit(node: PlanNode & { kind: 'limit' }): Pushed {
    const sort = node.input.kind === 'sort' ? node.input : undefined;
    const pushed = this.push(sort?.input ?? node.input);
    const inner = this.ensure(pushed, sort?.keys);
    const made = topNNode({
      input: inner.node,
      partition: inner.bindings.map(({ at }) => at),
      keys: this.#keys(sort?.keys ?? [], inner),
      limit: node.limit,
      offset: node.offset,
      rank: 'row_number',
      withRank: false,
    });
    return { ...inner, node: made };
  }

  #keys(keys: readonly SortKey[], inner: Pushed): readonly SortKey[] {
    return keys.map((key) => ({ ...key, expression: this.local(key.expression, inner) }));
  }
}
