import type { Node, SelectStmt } from 'libpg-query';
import { coerce, commonType, settle } from '../plan/coercion.ts';
import type { Expression } from '../plan/expression.ts';
import { castTo, columnReference } from '../plan/expression-factory.ts';
import {
  deduplicateNode,
  distinctNode,
  filterNode,
  limitNode,
  type NamedExpression,
  projectNode,
  setOperationNode,
  sortNode,
  valuesNode,
} from '../plan/factory.ts';
import type { PlanNode, SortKey } from '../plan/node.ts';
import { serializeExpression } from '../plan/pipeline-text.ts';
import { TYPE } from '../plan/type-name.ts';
import { AggregateRebase, Aggregation } from './aggregation.ts';
import { type BindContext, ExpressionBinder } from './expression-binder.ts';
import { FromBinder } from './from-clause.ts';
import type { QueryRules, RelationCatalog } from './relation.ts';
import { Scope } from './scope.ts';
import { bareName, nameParts, nodeLocation } from './syntax-tree.ts';

interface Target extends NamedExpression {
  readonly at: number;
}

const LIMIT_MAX = Number.MAX_SAFE_INTEGER;

/** Binds a query to plan nodes. */
export class SelectBinder {
  readonly #context: BindContext;
  readonly #rules: QueryRules;

  constructor(context: BindContext, rules: QueryRules) {
    this.#context = context;
    this.#rules = rules;
  }

  bind(select: SelectStmt, catalog: RelationCatalog): PlanNode {
    this.#refuseUnknownClauses(select);
    const visible = select.withClause === undefined ? catalog : this.#withClause(select.withClause, catalog);
    const limited = (node: PlanNode): PlanNode => this.#limit(select, node);
    if (select.op !== undefined && select.op !== 'SETOP_NONE') return limited(this.#setOperation(select, visible));
    if (select.valuesLists !== undefined) return limited(this.#sortOutput(select, this.#values(select.valuesLists)));
    return limited(this.#select(select, visible));
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
    if (select.windowClause !== undefined) throw this.#refuse(start, 'WINDOW is not supported');
    if (!this.#rules.streaming) return;
    const clause = [
      [select.sortClause?.[0], 'ORDER BY'],
      [select.limitCount ?? select.limitOffset, 'LIMIT'],
      [select.valuesLists?.[0], 'VALUES'],
    ].find(([node]) => node !== undefined);
    if (clause !== undefined) {
      throw this.#refuse(
        this.#at(sortNodeOf(clause[0] as Node)),
        `${clause[1] as string} is not supported in a view`,
        'use it in a query over the view',
      );
    }
    if (select.op !== undefined && select.op !== 'SETOP_NONE')
      throw this.#refuse(start, 'UNION, EXCEPT and INTERSECT are not supported in a view');
  }

  #withClause(clause: NonNullable<SelectStmt['withClause']>, outer: RelationCatalog): RelationCatalog {
    if (clause.recursive === true)
      throw this.#refuse(this.#context.place(clause.location), 'WITH RECURSIVE is not supported');
    const plans = new Map<string, PlanNode>();
    const visible: RelationCatalog = {
      find: (name) => plans.get(name) ?? outer.find(name),
      names: () => [...plans.keys(), ...outer.names()],
    };
    for (const node of clause.ctes ?? []) {
      if (!('CommonTableExpr' in node)) continue;
      const { ctename = '', ctequery, aliascolnames, location } = node.CommonTableExpr;
      if (ctequery === undefined || !('SelectStmt' in ctequery)) {
        throw this.#context.source.error(
          this.#context.place(location),
          'only queries are allowed in WITH: queries are read-only',
          { code: 'SQL_READ_ONLY' },
        );
      }
      const plan = this.bind(ctequery.SelectStmt, visible);
      const names = nameParts(aliascolnames);
      plans.set(ctename, renamed(plan, names));
    }
    return visible;
  }

  #select(select: SelectStmt, catalog: RelationCatalog): PlanNode {
    const from = new FromBinder(this.#context, this.#rules, catalog, (inner, names) => this.bind(inner, names)).bind(
      select.fromClause,
    );
    let input = from.node;
    if (select.whereClause !== undefined) {
      const where = new ExpressionBinder(this.#context, from.scope).boolean(select.whereClause, 'WHERE');
      input = filterNode(input, where);
    }
    input = this.#distinctOn(select, input, from.scope);
    const aggregation = new Aggregation();
    const binder = new ExpressionBinder(this.#context, from.scope, aggregation.collect);
    const targets = this.#targets(select.targetList ?? [], binder, from.scope);
    const having = select.havingClause === undefined ? undefined : binder.boolean(select.havingClause, 'HAVING');
    const sorts = this.#sortKeys(select, targets, binder);
    const groups = this.#groups(select.groupClause ?? [], targets, from.scope);
    if (groups.length === 0 && !aggregation.used && having === undefined)
      return this.#project(select, input, targets, sorts);
    const node = aggregation.node(input, groups, targets);
    const rebase = new AggregateRebase(node, this.#context.source, binder);
    const over = targets.map((target) => ({ ...target, expression: rebase.rebase(target.expression, target.at) }));
    const keys = sorts.map((key) => ({
      ...key,
      expression: key.output === undefined ? rebase.rebase(key.expression, 0) : key.expression,
    }));
    const filtered =
      having === undefined ? node : filterNode(node, rebase.rebase(having, this.#at(select.havingClause)));
    return this.#project(select, filtered, over, keys);
  }

  #project(select: SelectStmt, input: PlanNode, targets: readonly Target[], sorts: readonly BoundSort[]): PlanNode {
    if (targets.length === 0) throw this.#refuse(this.#at(select.fromClause?.[0]), 'the select list is empty');
    const distinct = select.distinctClause !== undefined && !isDistinctOn(select);
    if (distinct && this.#rules.streaming)
      throw this.#refuse(
        targets[0]!.at,
        'SELECT DISTINCT is not supported in a view',
        'write DISTINCT ON (key), or GROUP BY',
      );
    const hidden: NamedExpression[] = [];
    const keys = sorts.map((sort): SortKey => {
      const { descending, nullsFirst } = sort;
      const text = serializeExpression(sort.expression);
      let index = sort.output ?? targets.findIndex((target) => serializeExpression(target.expression) === text);
      if (index < 0) {
        if (distinct)
          throw this.#refuse(
            targets[0]!.at,
            'for SELECT DISTINCT, ORDER BY expressions must appear in the select list',
          );
        index = targets.length + hidden.push({ name: `sort${hidden.length + 1}`, expression: sort.expression }) - 1;
      }
      const { type } = [...targets, ...hidden][index]!.expression;
      return {
        expression: { kind: 'column', type, index, name: [...targets, ...hidden][index]!.name },
        descending,
        nullsFirst,
      };
    });
    let node = projectNode(input, [...targets.map(({ name, expression }) => ({ name, expression })), ...hidden]);
    if (distinct) node = distinctNode(node);
    if (keys.length > 0) node = sortNode(node, keys);
    if (hidden.length === 0) return node;
    const shown = this.#limit(select, node);
    return projectNode(
      shown,
      targets.map(({ name }, index) => ({ name, expression: columnReference(shown.columns, index) })),
    );
  }

  #targets(nodes: readonly Node[], binder: ExpressionBinder, scope: Scope): readonly Target[] {
    return nodes.flatMap((node): Target[] => {
      if (!('ResTarget' in node) || node.ResTarget.val === undefined) return [];
      const { val, name, location } = node.ResTarget;
      const at = this.#context.place(location);
      const parts = 'ColumnRef' in val ? nameParts(val.ColumnRef.fields) : [];
      if ('ColumnRef' in val && parts.at(-1) === undefined) {
        return scope.star(this.#context.source, at, parts.length > 1 ? parts[0] : undefined).map((expression) => {
          binder.places.set(expression, at);
          return { name: expression.name, expression, at };
        });
      }
      return [{ name: name ?? targetName(val), expression: binder.bind(val), at }];
    });
  }

  /** A whole number is a position in the select list; a name is a column of the input or else of the select list. */
  #groups(nodes: readonly Node[], targets: readonly Target[], scope: Scope): readonly Expression[] {
    const plain = new ExpressionBinder(this.#context, scope);
    return nodes.map((node) => {
      if ('GroupingSet' in node) throw this.#refuse(this.#at(node), 'GROUPING SETS, ROLLUP and CUBE are not supported');
      const target = this.#targetByPosition(node, targets, 'GROUP BY') ?? this.#targetByName(node, targets, scope);
      return target?.expression ?? plain.bind(node);
    });
  }

  #targetByPosition(node: Node, targets: readonly Target[], clause: string): Target | undefined {
    const position = 'A_Const' in node && node.A_Const.ival !== undefined ? (node.A_Const.ival.ival ?? 0) : undefined;
    if (position === undefined) return undefined;
    const target = targets[position - 1];
    if (target === undefined)
      throw this.#context.source.error(this.#at(node), `${clause} position ${position} is not in the select list`);
    return target;
  }

  #targetByName(node: Node, targets: readonly Target[], scope: Scope): Target | undefined {
    const parts = 'ColumnRef' in node ? nameParts(node.ColumnRef.fields) : [];
    const name = parts.length === 1 ? parts[0] : undefined;
    if (name === undefined || scope.find(this.#context.source, this.#at(node), name) !== undefined) return undefined;
    return targets.find((target) => target.name === name);
  }

  /** In ORDER BY a name is first one of the select list. */
  #sortKeys(select: SelectStmt, targets: readonly Target[], binder: ExpressionBinder): readonly BoundSort[] {
    return (select.sortClause ?? []).map((item) => {
      const { node, order } = sortItem(item);
      const parts = 'ColumnRef' in node ? nameParts(node.ColumnRef.fields) : [];
      const named = parts.length === 1 ? targets.findIndex((target) => target.name === parts[0]) : -1;
      const placed = this.#targetByPosition(node, targets, 'ORDER BY');
      const output = placed !== undefined ? targets.indexOf(placed) : named >= 0 ? named : undefined;
      const expression = output === undefined ? binder.bind(node) : targets[output]!.expression;
      return { expression, output, ...order };
    });
  }

  #distinctOn(select: SelectStmt, input: PlanNode, scope: Scope): PlanNode {
    if (!isDistinctOn(select)) return input;
    const [first] = select.distinctClause ?? [];
    const ttlMs = this.#rules.ttlMs;
    if (ttlMs === undefined) {
      throw this.#refuse(
        this.#at(first),
        'DISTINCT ON is supported in CREATE VIEW only',
        "write CREATE VIEW name WITH (ttl = '1 hour') AS SELECT DISTINCT ON (key) * FROM ...",
      );
    }
    const binder = new ExpressionBinder(this.#context, scope);
    const keys = (select.distinctClause ?? []).map((node) => {
      const key = binder.bind(node);
      if (key.kind !== 'column') throw this.#refuse(this.#at(node), 'a key of DISTINCT ON must be a column');
      return key.index;
    });
    return deduplicateNode(input, keys, ttlMs);
  }

  #limit(select: SelectStmt, node: PlanNode): PlanNode {
    if (select.limitOption === 'LIMIT_OPTION_WITH_TIES')
      throw this.#refuse(this.#at(select.limitCount), 'WITH TIES is not supported');
    if (node.kind === 'project' && node.input.kind === 'limit') return node;
    const limit = this.#count(select.limitCount, 'LIMIT');
    const offset = this.#count(select.limitOffset, 'OFFSET') ?? 0;
    return limit === undefined && offset === 0 ? node : limitNode(node, limit, offset);
  }

  #count(node: Node | undefined, clause: string): number | undefined {
    if (node === undefined) return undefined;
    const bound = new ExpressionBinder(this.#context, new Scope([])).operand(node);
    if (bound.kind === 'unknown' && bound.text === null) return undefined;
    const value = coerce(bound, TYPE.int8);
    const count = value.kind === 'literal' ? Number(value.value) : Number.NaN;
    if (!Number.isSafeInteger(count) || count < 0 || count > LIMIT_MAX) {
      throw this.#refuse(this.#at(node), `${clause} must be a constant, zero or more`);
    }
    return count;
  }

  #values(lists: readonly Node[]): PlanNode {
    const binder = new ExpressionBinder(this.#context, new Scope([]));
    const rows = lists.map((list) =>
      ('List' in list ? (list.List.items ?? []) : []).map((node) => binder.operand(node)),
    );
    const width = rows[0]?.length ?? 0;
    if (rows.some((row) => row.length !== width))
      throw this.#refuse(this.#context.place(0), 'VALUES lists must all be the same length');
    const types = Array.from({ length: width }, (_, index) =>
      commonType(
        rows.map((row) => row[index]!),
        'VALUES',
      ),
    );
    return valuesNode(
      [],
      rows.map((row) => row.map((operand, index) => coerce(operand, types[index]!))),
    );
  }

  #setOperation(select: SelectStmt, catalog: RelationCatalog): PlanNode {
    const operation = ({ SETOP_UNION: 'union', SETOP_EXCEPT: 'except', SETOP_INTERSECT: 'intersect' } as const)[
      select.op as 'SETOP_UNION' | 'SETOP_EXCEPT' | 'SETOP_INTERSECT'
    ];
    const sides = [select.larg!, select.rarg!].map((side) => this.bind(side, catalog));
    const [left, right] = [sides[0]!, sides[1]!];
    const at = this.#at(select.rarg?.targetList?.[0]);
    if (left.columns.length !== right.columns.length) {
      throw this.#context.source.error(
        at,
        `each ${operation.toUpperCase()} query must have the same number of columns`,
      );
    }
    const types = left.columns.map((column, index) =>
      this.#context.source.locate(at, () =>
        commonType(
          [columnReference(left.columns, index), columnReference(right.columns, index)],
          `${operation.toUpperCase()} column "${column.name}"`,
        ),
      ),
    );
    const inputs = [left, right].map((side) =>
      projectNode(
        side,
        side.columns.map((column, index) => ({
          name: column.name,
          expression: castTo(columnReference(side.columns, index), types[index]!),
        })),
      ),
    );
    return this.#sortOutput(select, setOperationNode(operation, select.all ?? false, inputs));
  }

  /** ORDER BY over the columns of a result that has no input of its own. */
  #sortOutput(select: SelectStmt, node: PlanNode): PlanNode {
    if (select.sortClause === undefined) return node;
    const targets = node.columns.map((column, index) => ({
      name: column.name,
      expression: columnReference(node.columns, index),
      at: 0,
    }));
    const binder = new ExpressionBinder(this.#context, Scope.of('', node.columns));
    const keys = this.#sortKeys(select, targets, binder).map(({ expression, descending, nullsFirst }) => ({
      expression: settle(expression),
      descending,
      nullsFirst,
    }));
    return sortNode(node, keys);
  }
}

interface BoundSort extends SortKey {
  /** Position in the select list, when the key is one of it. */
  readonly output: number | undefined;
}

function isDistinctOn(select: SelectStmt): boolean {
  const first = select.distinctClause?.[0];
  return first !== undefined && Object.keys(first).length > 0;
}

function sortItem(item: Node): { node: Node; order: { descending: boolean; nullsFirst: boolean } } {
  if (!('SortBy' in item)) return { node: item, order: { descending: false, nullsFirst: false } };
  const descending = item.SortBy.sortby_dir === 'SORTBY_DESC';
  const nulls = item.SortBy.sortby_nulls;
  const nullsFirst = nulls === 'SORTBY_NULLS_FIRST' || (nulls !== 'SORTBY_NULLS_LAST' && descending);
  return { node: item.SortBy.node!, order: { descending, nullsFirst } };
}

function sortNodeOf(node: Node): Node {
  return 'SortBy' in node ? (node.SortBy.node ?? node) : node;
}

function renamed(plan: PlanNode, names: readonly (string | undefined)[]): PlanNode {
  return projectNode(
    plan,
    plan.columns.map((column, index) => ({
      name: names[index] ?? column.name,
      expression: columnReference(plan.columns, index),
    })),
  );
}

/** PostgreSQL's name of an unnamed target: the column, the function, the type of a cast, `case`, or `?column?`. */
function targetName(node: Node): string {
  if ('ColumnRef' in node) return nameParts(node.ColumnRef.fields).at(-1) ?? '?column?';
  if ('FuncCall' in node) return bareName(node.FuncCall.funcname);
  if ('CaseExpr' in node) return 'case';
  if ('CoalesceExpr' in node) return 'coalesce';
  if ('MinMaxExpr' in node) return node.MinMaxExpr.op === 'IS_LEAST' ? 'least' : 'greatest';
  if ('SQLValueFunction' in node) return (node.SQLValueFunction.op ?? '').replace('SVFOP_', '').toLowerCase();
  if ('A_Expr' in node && node.A_Expr.kind === 'AEXPR_NULLIF') return 'nullif';
  if ('TypeCast' in node) {
    const inner = node.TypeCast.arg === undefined ? '?column?' : targetName(node.TypeCast.arg);
    return inner === '?column?' ? bareName(node.TypeCast.typeName?.names) : inner;
  }
  return '?column?';
}
