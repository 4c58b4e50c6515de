import { HeadraceError } from '../../base/error.ts';
import { userCallNode } from '../analytic-factory.ts';
import { isLifted } from '../call-options.ts';
import type { Column } from '../data-type.ts';
import type { Expression, UserFunctionExpression } from '../expression.ts';
import { call, columnReference } from '../expression-factory.ts';
import { mapExpressionsIn, mapOperands, someExpression } from '../expression-map.ts';
import { filterNode, inputsOf, projectNode } from '../factory.ts';
import type { AggregateCall, FilterNode, OutputNode, PlanNode, UserCall } from '../node.ts';
import { serializeExpression } from '../pipeline-text.ts';

/** The outputs with the calls of their plans in operators of their own. */
export function liftOutputs(outputs: readonly OutputNode[]): readonly OutputNode[] {
  const lifting = new UserCallLifting();
  return outputs.map((output) => {
    const input = lifting.lift(output.input);
    return input === output.input ? output : Object.freeze({ ...output, input });
  });
}

/**
 * Calls of asynchronous, volatile and pooled functions out of expressions and into a {@link UserCallNode} below the node that uses
 * them, one column each. A call is made only for the rows for which the expression would have come to it: in a branch of CASE that is
 * taken, behind an AND or OR that is not decided, in a COALESCE that is still null, for the rows of an aggregate's FILTER. Calls that need
 * no result of each other are made together.
 */
class UserCallLifting {
  readonly #done = new Map<PlanNode, PlanNode>();

  /** The same rows. What two roots share is shared after. @throws HeadraceError `PLAN_CALL_UNSUPPORTED` */
  lift(node: PlanNode): PlanNode {
    const known = this.#done.get(node);
    if (known !== undefined) return known;
    const lifted = this.#own(this.#withInputs(node));
    this.#done.set(node, lifted);
    return lifted;
  }

  #withInputs(node: PlanNode): PlanNode {
    const inputs = inputsOf(node);
    const lifted = inputs.map((input) => this.lift(input));
    if (lifted.every((input, at) => input === inputs[at])) return node;
    if ('left' in node) return Object.freeze({ ...node, left: lifted[0]!, right: lifted[1]! });
    if ('inputs' in node) return Object.freeze({ ...node, inputs: Object.freeze(lifted) });
    return Object.freeze({ ...node, input: lifted[0]! } as PlanNode);
  }

  #own(node: PlanNode): PlanNode {
    const call = firstCall(node);
    if (call === undefined) return node;
    switch (node.kind) {
      case 'filter':
        return liftFilter(node);
      case 'project': {
        const calls = new CallColumns(node.input);
        const expressions = node.expressions.map((expression) => calls.lift(expression));
        const input = calls.node();
        return Object.freeze({ ...node, input, expressions: calls.settle(expressions) });
      }
      case 'aggregate': {
        const calls = new CallColumns(node.input);
        const groups = node.groups.map((group) => calls.lift(group));
        const aggregates = node.aggregates.map((aggregate) => liftAggregate(aggregate, calls));
        const input = calls.node();
        return Object.freeze({ ...node, input, groups: calls.settle(groups), aggregates: calls.settle(aggregates) });
      }
      case 'sort':
      case 'top-n':
      case 'over':
      case 'table-function':
      case 'lookup':
        return liftAppending(node);
      default:
        throw unsupported(call, node);
    }
  }
}

/** Conditions that stand before the first call are a filter of their own, so that no call is made for rows that they leave out. */
function liftFilter(node: FilterNode): PlanNode {
  const { predicate } = node;
  const terms = predicate.kind === 'call' && predicate.function === 'and' ? predicate.args : [predicate];
  const first = terms.findIndex(holdsCall);
  const input = first === 0 ? node.input : filterNode(node.input, call('and', terms.slice(0, first)));
  const calls = new CallColumns(input);
  const lifted = calls.lift(call('and', terms.slice(first)));
  return without(filterNode(calls.node(), calls.settle(lifted)), node.columns, input.columns.length, calls.count);
}

/** A node whose columns are those of its input, then others. */
function liftAppending(node: PlanNode & { readonly input: PlanNode }): PlanNode {
  const calls = new CallColumns(node.input);
  const { input, columns, ...rest } = node;
  const lifted = mapExpressionsIn(rest as object, (expression) => calls.lift(expression));
  const made = calls.node();
  const width = input.columns.length;
  const wide = Object.freeze([...made.columns, ...columns.slice(width)]);
  const above = Object.freeze({ ...calls.settle(lifted), input: made, columns: wide }) as PlanNode;
  return without(above, columns, width, calls.count);
}

/** The rows without the columns of the calls, which begin at `width`. */
function without(node: PlanNode, columns: readonly Column[], width: number, count: number): PlanNode {
  return projectNode(
    node,
    columns.map(({ name }, at) => ({
      name,
      expression: columnReference(node.columns, at < width ? at : at + count),
    })),
  );
}

function liftAggregate(aggregate: AggregateCall, calls: CallColumns): AggregateCall {
  const filter = aggregate.filter === undefined ? undefined : calls.lift(aggregate.filter);
  const guard = filter === undefined ? undefined : call('is_true', [filter]);
  const { filter: _, ...rest } = aggregate;
  const lifted = mapExpressionsIn(rest, (expression) => calls.lift(expression, guard));
  return { ...lifted, filter };
}

const isCall = (expression: Expression): boolean => expression.kind === 'user-function' && isLifted(expression.options);
const holdsCall = (expression: Expression): boolean => someExpression(expression, isCall);

function firstCall(node: PlanNode): UserFunctionExpression | undefined {
  let found: UserFunctionExpression | undefined;
  const look = (expression: Expression): Expression => {
    if (isCall(expression)) found ??= expression as UserFunctionExpression;
    else mapOperands(expression, look);
    return expression;
  };
  const { input: _, inputs: __, left: ___, right: ____, ...own } = node as PlanNode & Record<string, unknown>;
  mapExpressionsIn(own as object, look);
  return found;
}

interface Found {
  /** Of its column. */
  readonly name: string;
  readonly call: UserCall;
  /** Calls whose results it needs come before: 0 for one that needs none. */
  readonly depth: number;
}

/** Collects the calls of one node. Their columns have provisional places until all are known: `settle` gives the final ones. */
class CallColumns {
  readonly #input: PlanNode;
  readonly #found: Found[] = [];
  readonly #byText = new Map<string, Expression>();
  readonly #names: Set<string>;

  constructor(input: PlanNode) {
    this.#input = input;
    this.#names = new Set(input.columns.map((column) => column.name));
  }

  get count(): number {
    return this.#found.length;
  }

  /** `guard` (already lifted) is true for the rows for which the expression is evaluated. */
  lift(expression: Expression, guard?: Expression): Expression {
    if (!holdsCall(expression)) return expression;
    if (expression.kind === 'user-function' && isLifted(expression.options)) return this.#add(expression, guard);
    if (expression.kind === 'case') return this.#case(expression, guard);
    const test = expression.kind === 'call' ? CONTINUES[expression.function] : undefined;
    if (test === undefined || expression.kind !== 'call')
      return mapOperands(expression, (arg) => this.lift(arg, guard));
    let reached = guard;
    const args = expression.args.map((arg) => {
      const lifted = this.lift(arg, reached);
      reached = both(reached, call(test, [lifted]));
      return lifted;
    });
    return Object.freeze({ ...expression, args: Object.freeze(args) });
  }

  #case(expression: Expression & { kind: 'case' }, guard: Expression | undefined): Expression {
    let reached = guard;
    const branches = expression.branches.map((branch) => {
      const when = this.lift(branch.when, reached);
      const result = this.lift(branch.then, both(reached, call('is_true', [when])));
      reached = both(reached, call('is_not_true', [when]));
      // biome-ignore lint/suspicious/noThenProperty: the contract names the result of a branch `then`; it is never awaited
      return Object.freeze({ when, then: result });
    });
    const otherwise = this.lift(expression.otherwise, reached);
    return Object.freeze({ ...expression, branches: Object.freeze(branches), otherwise });
  }

  #add(expression: UserFunctionExpression, guard: Expression | undefined): Expression {
    const args = expression.args.map((arg) => this.lift(arg, guard));
    const options = expression.options!;
    const text = serializeExpression({ ...expression, args }) + (guard === undefined ? '' : serializeExpression(guard));
    const known = options.volatile ? undefined : this.#byText.get(text);
    if (known !== undefined) return known;
    const { name, module, exportName, type } = expression;
    const column = freeName(name, this.#names);
    const depth = Math.max(...args.map((arg) => this.#depth(arg)), guard === undefined ? 0 : this.#depth(guard), 0);
    const index = this.#input.columns.length + this.#found.length;
    this.#found.push({ name: column, call: { name, module, exportName, type, args, when: guard, options }, depth });
    const result: Expression = Object.freeze({ kind: 'column', type, index, name: column });
    this.#byText.set(text, result);
    return result;
  }

  /** The first layer that has all results which the expression needs. */
  #depth(expression: Expression): number {
    const width = this.#input.columns.length;
    let depth = 0;
    someExpression(expression, (inner) => {
      if (inner.kind === 'column' && inner.index >= width)
        depth = Math.max(depth, this.#found[inner.index - width]!.depth + 1);
      return false;
    });
    return depth;
  }

  /** The calls above the input, one node for each depth. */
  node(): PlanNode {
    let node = this.#input;
    const depths = [...new Set(this.#found.map(({ depth }) => depth))].sort((a, b) => a - b);
    for (const wanted of depths) {
      const layer = this.#found.filter(({ depth }) => depth === wanted);
      const calls = layer.map((found) => this.settle(found.call));
      node = userCallNode(
        { input: node, calls },
        layer.map(({ name }) => name),
      );
    }
    return node;
  }

  /** The value with the final places of the columns. */
  settle<Value>(value: Value): Value {
    const width = this.#input.columns.length;
    const order = this.#found.map((found, at) => ({ depth: found.depth, at })).sort((a, b) => a.depth - b.depth);
    const places = new Map(order.map(({ at }, place) => [width + at, width + place]));
    const settled = (expression: Expression): Expression => {
      if (expression.kind !== 'column') return mapOperands(expression, settled);
      const place = places.get(expression.index);
      return place === undefined || place === expression.index
        ? expression
        : Object.freeze({ ...expression, index: place });
    };
    return mapExpressionsIn(value, settled);
  }
}

/** What the value of an argument must be for the next to be evaluated. */
const CONTINUES: Readonly<Record<string, string>> = { and: 'is_not_false', or: 'is_not_true', coalesce: 'is_null' };

function both(guard: Expression | undefined, more: Expression): Expression {
  return guard === undefined ? more : call('and', [guard, more]);
}

function freeName(name: string, taken: Set<string>): string {
  let free = name;
  for (let n = 2; taken.has(free); n++) free = `${name}_${n}`;
  taken.add(free);
  return free;
}

function unsupported(call: UserFunctionExpression, node: PlanNode): HeadraceError {
  return new HeadraceError(
    `making a plan: ${call.name} is asynchronous, volatile or on the pool, and cannot be called in a ${node.kind}`,
    {
      code: 'PLAN_CALL_UNSUPPORTED',
      domain: 'plan',
      next: 'compute it as a column of a query first, and use the column',
    },
  );
}
