import type { Node, SelectStmt } from 'libpg-query';
import { coerce, commonType, type Operand } from '../plan/coercion.ts';
import type { Expression } from '../plan/expression.ts';
import { columnReference } from '../plan/expression-factory.ts';
import { deduplicateNode, filterNode, projectNode, valuesNode } from '../plan/factory.ts';
import type { PlanNode } from '../plan/node.ts';
import { AggregateRebase, Aggregation } from './clause/aggregation.ts';
import { renamed, tooManyNames } from './clause/column-names.ts';
import { FromBinder } from './clause/from-clause.ts';
import { bindGrouping, type Grouping, GroupingCalls } from './clause/grouping-sets.ts';
import { OverClause } from './clause/over-clause.ts';
import { type BoundSort, bindRowRange, bindSorts, orderRows } from './clause/result-order.ts';
import { isDistinctOn, selectOutput } from './clause/select-output.ts';
import { setOperation } from './clause/set-operation.ts';
import { bindTargets, type Target, targetByName, targetByPosition } from './clause/target-list.ts';
import { bindWhere } from './clause/where-clause.ts';
import { type BindContext, ExpressionBinder } from './expression-binder.ts';
import type { QueryRules, RelationCatalog } from './relation.ts';
import { Scope } from './scope.ts';
import { Attachments } from './text/attachment.ts';
import { nameParts, nodeLocation } from './text/syntax-tree.ts';

/** Binds a query to plan nodes. */
export class SelectBinder {
  readonly #context: BindContext;
  readonly #rules: QueryRules;

  constructor(context: BindContext, rules: QueryRules) {
    this.#context = context;
    this.#rules = rules;
  }

  /** `outer`: the names of the query around this one, which it may use. */
  bind(select: SelectStmt, catalog: RelationCatalog, outer?: Scope): PlanNode {
    this.#refuseUnknownClauses(select);
    const visible = select.withClause === undefined ? catalog : this.#withClause(select.withClause, catalog, outer);
    if (select.op !== undefined && select.op !== 'SETOP_NONE') {
      const [left, right] = [select.larg!, select.rarg!].map((side) => this.bind(side, visible, outer));
      return this.#ordered(select, setOperation(this.#context, select, left!, right!));
    }
    if (select.valuesLists !== undefined) return this.#ordered(select, this.#values(select.valuesLists, outer));
    return this.#select(select, visible, outer);
  }

  #refuse(at: number, message: string, next?: string): Error {
    return this.#context.source.error(at, message, {
      code: 'SQL_NOT_SUPPORTED',
      ...(next === undefined ? {} : { next }),
    });
  }

  #at(node: Node | undefined): number {
    return this.#context.place(node === undefined ? undefined : nodeLocation(node));
  }

  #refuseUnknownClauses(select: SelectStmt): void {
    const start = this.#at(select.targetList?.[0]);
    if (select.intoClause !== undefined) throw this.#refuse(start, 'SELECT INTO is refused: queries are read-only');
    if (select.lockingClause !== undefined)
      throw this.#refuse(start, 'FOR UPDATE and FOR SHARE are refused: queries are read-only');
  }

  #withClause(
    clause: NonNullable<SelectStmt['withClause']>,
    around: RelationCatalog,
    outer: Scope | undefined,
  ): RelationCatalog {
    if (clause.recursive === true)
      throw this.#refuse(this.#context.place(clause.location), 'WITH RECURSIVE is not supported');
    const plans = new Map<string, PlanNode>();
    const visible: RelationCatalog = {
      find: (name) => plans.get(name) ?? around.find(name),
      names: () => [...plans.keys(), ...around.names()],
    };
    for (const node of clause.ctes ?? []) {
      if (!('CommonTableExpr' in node)) continue;
      const { ctename = '', ctequery, aliascolnames, location } = node.CommonTableExpr;
      const at = this.#context.place(location);
      if (plans.has(ctename)) {
        throw this.#context.source.error(at, `WITH query name "${ctename}" specified more than once`, {
          code: 'SQL_DUPLICATE_NAME',
          next: 'choose another name',
        });
      }
      if (ctequery === undefined || !('SelectStmt' in ctequery)) {
        throw this.#context.source.error(at, 'only queries are allowed in WITH: queries are read-only', {
          code: 'SQL_READ_ONLY',
        });
      }
      const plan = this.bind(ctequery.SelectStmt, visible, outer);
      const names = nameParts(aliascolnames);
      if (names.length > plan.columns.length) {
        throw tooManyNames(this.#context, `WITH query "${ctename}"`, plan.columns.length, names.length, at);
      }
      plans.set(ctename, renamed(plan, names));
    }
    return visible;
  }

  #select(select: SelectStmt, catalog: RelationCatalog, outer: Scope | undefined): PlanNode {
    const context = this.#context;
    const bindInner = (inner: SelectStmt, names: Scope | undefined): PlanNode => this.bind(inner, catalog, names);
    const groups = groupNodes(select);
    const from = new FromBinder({
      context,
      rules: this.#rules,
      catalog,
      bindSelect: bindInner,
      outer,
      groups,
    }).bind(select.fromClause);
    const around = { context, scope: from.scope, bindInner, ttlMs: this.#rules.ttlMs };
    const input =
      select.whereClause === undefined
        ? from.node
        : bindWhere({ ...around, clause: 'WHERE' }, from.node, select.whereClause);
    const attachments = new Attachments({ ...around, input });
    const scope = from.scope.with(attachments);
    const list = this.#list(select, scope);
    const { targets, having, groupings, aggregation } = list;
    if (targets.length === 0) throw this.#refuse(this.#at(select.fromClause?.[0]), 'the select list is empty');
    const isGrouped =
      select.groupClause !== undefined || aggregation.count > 0 || having !== undefined || groupings.count > 0;
    if (isGrouped) return this.#grouped(select, list, { input, scope, attachments });
    const { node, replace } = attachments.attach(input);
    const bound = replacedIn(list, replace);
    const kept = this.#deduplicated(select, node, bound);
    return this.#output(bound, kept ?? node, select, replace, kept !== undefined);
  }

  /** What GROUP BY and aggregates read is attached below the groups; sub-queries anywhere else are computed for the groups. */
  #grouped(
    select: SelectStmt,
    list: BoundList,
    { input, scope, attachments }: { input: PlanNode; scope: Scope; attachments: Attachments },
  ): PlanNode {
    const { groupings, aggregation } = list;
    const grouping = this.#grouping(select, list.targets, scope);
    const below = attachments.attach(input, { within: [grouping.expressions, aggregation.calls] });
    const bound = replacedIn(list, below.replace);
    aggregation.replace(below.replace);
    const moved = { ...grouping, expressions: below.replace(grouping.expressions) };
    const grouped = aggregation.node(below.node, moved, groupings, bound.targets);
    const rows = { node: grouped, grouping: moved, aggregates: aggregation.count };
    const rebase = new AggregateRebase(rows, this.#context.source, (expression) => list.placeOf(expression));
    const above = attachments.attach(grouped, { reference: (column, at) => rebase.rebase(column, at) });
    const over = (expression: Expression, at: number): Expression => above.replace(rebase.rebase(expression, at));
    const { having } = bound;
    const filtered =
      having === undefined ? above.node : filterNode(above.node, over(having, this.#at(select.havingClause)));
    return this.#output(bound, filtered, select, over);
  }

  /** Everything of a SELECT that may hold aggregates and window functions, bound to the rows of FROM. */
  #list(select: SelectStmt, scope: Scope): BoundList {
    const aggregation = new Aggregation();
    const groupings: GroupingCalls = new GroupingCalls(this.#context, () => grouped);
    const intercept = (node: Node): Operand | undefined => groupings.intercept(node);
    const grouped = new ExpressionBinder(this.#context, scope, aggregation.collect, intercept);
    const over = new OverClause({
      context: this.#context,
      scope,
      windows: select.windowClause,
      aggregates: aggregation.collect,
      intercept,
    });
    const binder = new ExpressionBinder(
      this.#context,
      scope,
      aggregation.collect,
      (node) => over.intercept(node) ?? groupings.intercept(node),
    );
    const targets = bindTargets(this.#context, select.targetList ?? [], binder, scope);
    const having = select.havingClause === undefined ? undefined : grouped.boolean(select.havingClause, 'HAVING');
    const sorts = bindSorts(this.#context, select.sortClause, targets, binder);
    const distinctOn = isDistinctOn(select)
      ? bindSorts(this.#context, select.distinctClause, targets, binder, 'DISTINCT ON')
      : undefined;
    const placeOf = (expression: Expression): number | undefined =>
      [binder, grouped, over.binder].map(({ places }) => places.get(expression)).find((at) => at !== undefined);
    return { targets, having, sorts, distinctOn, aggregation, groupings, over, placeOf };
  }

  #grouping(select: SelectStmt, targets: readonly Target[], scope: Scope): Grouping {
    const plain = new ExpressionBinder(this.#context, scope);
    const bind = (node: Node): Expression => {
      const target =
        targetByPosition(this.#context, node, targets, 'GROUP BY') ?? targetByName(this.#context, node, targets, scope);
      return target?.expression ?? plain.bind(node);
    };
    return bindGrouping(this.#context, select.groupClause ?? [], select.groupDistinct === true, bind);
  }

  /** Window functions, the select list, DISTINCT (unless the rows are distinct already), ORDER BY and LIMIT. */
  #output(
    list: BoundList,
    input: PlanNode,
    select: SelectStmt,
    rebase: (expression: Expression, at: number) => Expression,
    isDistinct = false,
  ): PlanNode {
    const { node, place } = list.over.node(input, list.targets, rebase);
    const moved = (expression: Expression, at: number): Expression => place(rebase(expression, at));
    const targets = list.targets.map((target) => ({ ...target, expression: moved(target.expression, target.at) }));
    const sort = (key: BoundSort): BoundSort => ({
      ...key,
      expression: key.output === undefined ? moved(key.expression, key.at) : targets[key.output]!.expression,
    });
    const spec = {
      targets,
      distinct: !isDistinct && select.distinctClause !== undefined && !isDistinctOn(select),
      distinctOn: isDistinct ? undefined : list.distinctOn?.map(sort),
      sorts: list.sorts.map(sort),
      range: bindRowRange(this.#context, select),
    };
    return selectOutput(this.#context, node, spec, this.#rules.streaming);
  }

  /** DISTINCT [ON] with a time-to-live: what has expired is forgotten. Undefined where that does not apply. */
  #deduplicated(select: SelectStmt, input: PlanNode, { targets, distinctOn, over }: BoundList): PlanNode | undefined {
    const { ttlMs, streaming } = this.#rules;
    if (select.distinctClause === undefined || ttlMs === undefined || !streaming || over.used) return undefined;
    if (select.sortClause !== undefined) return undefined;
    return deduplicatedBy(
      input,
      (distinctOn ?? targets).map(({ expression }) => expression),
      ttlMs,
    );
  }

  #values(lists: readonly Node[], outer: Scope | undefined): PlanNode {
    const binder = new ExpressionBinder(this.#context, new Scope([], { outer }));
    const items = lists.map((list) => ('List' in list ? (list.List.items ?? []) : []));
    const rows = items.map((row) => row.map((node) => ({ operand: binder.operand(node), at: this.#at(node) })));
    const width = rows[0]?.length ?? 0;
    const uneven = rows.find((row) => row.length !== width);
    if (uneven !== undefined)
      throw this.#context.source.error(uneven[0]!.at, 'VALUES lists must all be the same length');
    const types = Array.from({ length: width }, (_, index) =>
      commonType(
        rows.map((row) => row[index]!.operand),
        'VALUES',
      ),
    );
    const { source } = this.#context;
    return valuesNode(
      [],
      rows.map((row) => row.map(({ operand, at }, index) => source.locate(at, () => coerce(operand, types[index]!)))),
    );
  }

  /** ORDER BY and LIMIT over the columns of a result that has no input of its own. */
  #ordered(select: SelectStmt, node: PlanNode): PlanNode {
    const targets = node.columns.map((column, index) => ({
      name: column.name,
      expression: columnReference(node.columns, index),
      at: 0,
    }));
    const binder = new ExpressionBinder(this.#context, Scope.of('', node.columns));
    const keys = bindSorts(this.#context, select.sortClause, targets, binder).map(
      ({ expression, descending, nullsFirst }) => ({ expression, descending, nullsFirst }),
    );
    return orderRows(node, keys, bindRowRange(this.#context, select), this.#rules.streaming);
  }
}

interface BoundList {
  readonly targets: readonly Target[];
  readonly having: Expression | undefined;
  readonly sorts: readonly BoundSort[];
  readonly distinctOn: readonly BoundSort[] | undefined;
  readonly aggregation: Aggregation;
  readonly groupings: GroupingCalls;
  readonly over: OverClause;
  readonly placeOf: (expression: Expression) => number | undefined;
}

/** The list with the columns of what was attached in place of what stood for them. */
function replacedIn(list: BoundList, replace: <Value>(value: Value) => Value): BoundList {
  const { targets, having, sorts, distinctOn } = list;
  return {
    ...list,
    targets: replace(targets),
    having: replace(having),
    sorts: replace(sorts),
    distinctOn: replace(distinctOn),
  };
}

/** What GROUP BY names, with positions and names of the select list as what they stand for. */
function groupNodes(select: SelectStmt): readonly Node[] {
  const targets = (select.targetList ?? []).flatMap((node) => ('ResTarget' in node ? [node.ResTarget] : []));
  return (select.groupClause ?? []).map((node) => {
    const position = 'A_Const' in node ? node.A_Const.ival?.ival : undefined;
    const name = 'ColumnRef' in node ? nameParts(node.ColumnRef.fields) : [];
    const named = name.length === 1 ? targets.find((target) => target.name === name[0]) : undefined;
    const target = position === undefined ? named : targets[position - 1];
    return target?.val !== undefined && 'ColumnRef' in target.val ? target.val : node;
  });
}

/** Keys that are not columns become columns behind those of the input. */
function deduplicatedBy(input: PlanNode, keys: readonly Expression[], ttlMs: number): PlanNode {
  const own = input.columns.map(({ name }, index) => ({ name, expression: columnReference(input.columns, index) }));
  const computed = keys.flatMap((key, index) =>
    key.kind === 'column' ? [] : [{ name: `key_${index + 1}`, expression: key }],
  );
  let at = own.length;
  const positions = keys.map((key) => (key.kind === 'column' ? key.index : at++));
  return deduplicateNode(projectNode(input, [...own, ...computed]), positions, ttlMs);
}
