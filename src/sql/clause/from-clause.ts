import type { JoinExpr, Node, RangeFunction, RangeVar, SelectStmt } from 'libpg-query';
import { nearestName } from '../../base/nearest-name.ts';
import type { Expression } from '../../plan/expression.ts';
import { TRUE } from '../../plan/expression-factory.ts';
import { joinNode, projectNode, valuesNode } from '../../plan/factory.ts';
import type { JoinKind, PlanNode } from '../../plan/node.ts';
import { dependentJoin } from '../../plan/optimizer/decorrelate.ts';
import { isCorrelated } from '../../plan/optimizer/outer-reference.ts';
import { type BindContext, ExpressionBinder } from '../expression-binder.ts';
import type { QueryRules, RelationCatalog } from '../relation.ts';
import { Scope } from '../scope.ts';
import { bareName, nameParts, nodeLocation } from '../text/syntax-tree.ts';
import { renamed, tooManyNames } from './column-names.ts';
import { bindFromFunction } from './from-function.ts';
import { commonNames, type FromResult, joinedScope, joinUsing } from './join-clause.ts';
import { bindLookupJoin } from './lookup-clause.ts';
import { bindMatch } from './match-recognize.ts';
import { type AsOf, NO_TEMPORAL_CLAUSES, type TemporalClauses } from './temporal-clause.ts';
import { bindTemporalJoin } from './temporal-join.ts';
import { bindWhere } from './where-clause.ts';
import { bindWindow, isWindowFunction } from './window-function.ts';

type AliasClause = { aliasname?: string; colnames?: Node[] } | undefined;
/** A query in FROM: with the names around it, when it may use them. */
type BindSelect = (select: SelectStmt, outer: Scope | undefined) => PlanNode;

const JOIN_KINDS: Readonly<Record<string, JoinKind>> = {
  JOIN_INNER: 'inner',
  JOIN_LEFT: 'left',
  JOIN_RIGHT: 'right',
  JOIN_FULL: 'full',
};

export interface FromSpec {
  readonly context: BindContext;
  readonly rules: QueryRules;
  readonly catalog: RelationCatalog;
  readonly bindSelect: BindSelect;
  /** The names of the query around the SELECT. */
  readonly outer: Scope | undefined;
  /** What SESSION windows without keys of their own are told apart by: GROUP BY. */
  readonly groups: readonly Node[];
}

/** Binds FROM: relations, joins, sub-queries, windows and set-returning functions. */
export class FromBinder {
  readonly #spec: FromSpec;
  readonly #context: BindContext;

  constructor(spec: FromSpec) {
    this.#spec = spec;
    this.#context = spec.context;
  }

  bind(items: readonly Node[] | undefined): FromResult {
    const [first, ...rest] = items ?? [];
    if (first === undefined) return { node: valuesNode([], [[]]), scope: this.#scope([]) };
    const { node, scope } = rest.reduce<FromResult>((left, item) => this.#beside(left, item), this.#item(first));
    return { node, scope: this.#scope(scope.relations) };
  }

  #scope(relations: Scope['relations']): Scope {
    return new Scope(relations, { outer: this.#spec.outer });
  }

  #refuse(node: Node | undefined, message: string, next?: string): Error {
    const at = this.#context.place(node === undefined ? undefined : nodeLocation(node));
    return this.#context.source.error(at, message, {
      code: 'SQL_NOT_SUPPORTED',
      ...(next === undefined ? {} : { next }),
    });
  }

  /** `left, item`. A join inside of which something refers to its neighbours is taken apart: `a, b JOIN LATERAL c` is `(a, b) JOIN c`. */
  #beside(left: FromResult, item: Node): FromResult {
    if (!('JoinExpr' in item) || !holdsLateral(item)) return this.#joined(left, this.#item(item, left), 'cross', item);
    return this.#joinOnto(item.JoinExpr, this.#beside(left, item.JoinExpr.larg!), item);
  }

  #joinOnto(expression: JoinExpr, left: FromResult, node: Node): FromResult {
    const { rarg } = expression;
    const right = rarg !== undefined && 'RangeVar' in rarg ? rarg.RangeVar : undefined;
    const at = this.#context.place(right?.location);
    const asOf = right && this.#temporal.asOf.get(at);
    if (right !== undefined && (asOf !== undefined || this.#temporal.asOfJoins.has(at))) {
      return this.#temporalJoin(expression, left, right, asOf);
    }
    const lookup = bindLookupJoin(this.#context, expression, left);
    return lookup ?? this.#join(expression, left, this.#item(rarg!, left), node);
  }

  #temporalJoin(expression: JoinExpr, left: FromResult, relation: RangeVar, asOf: AsOf | undefined): FromResult {
    const at = this.#context.place(relation.location);
    const { jointype, quals, usingClause } = expression;
    const kind = JOIN_KINDS[jointype ?? 'JOIN_INNER'];
    const right = this.#relationItem(relation);
    const using = nameParts(usingClause).filter((name) => name !== undefined);
    if ((kind !== 'inner' && kind !== 'left') || (quals === undefined && using.length === 0)) {
      throw this.#context.source.error(at, 'a temporal join is a JOIN or LEFT JOIN with ON or USING', {
        code: 'SQL_NOT_SUPPORTED',
        next: 'write left JOIN table FOR SYSTEM_TIME AS OF left.time ON left.key = table.key',
      });
    }
    const spec = { context: this.#context, left, right, join: kind, asOf, at };
    if (quals !== undefined) return bindTemporalJoin({ ...spec, condition: quals });
    const join = (condition: Expression): PlanNode => bindTemporalJoin({ ...spec, condition }).node;
    return joinUsing(this.#context, { left, right, kind, names: using, at, join });
  }

  #item(node: Node, left?: FromResult): FromResult {
    if ('RangeVar' in node) {
      const asOf = this.#temporal.asOf.get(this.#context.place(node.RangeVar.location));
      if (asOf !== undefined) {
        throw this.#context.source.error(asOf.at, 'FOR SYSTEM_TIME AS OF is for the right side of a join', {
          code: 'SQL_NOT_SUPPORTED',
          next: 'write left JOIN table FOR SYSTEM_TIME AS OF left.time ON ...',
        });
      }
      return this.#relationItem(node.RangeVar);
    }
    if ('RangeFunction' in node) return this.#function(node.RangeFunction, node, left);
    if ('JoinExpr' in node) {
      return this.#joinOnto(node.JoinExpr, this.#item(node.JoinExpr.larg!), node);
    }
    if ('RangeSubselect' in node) {
      const { subquery, alias, lateral } = node.RangeSubselect;
      if (subquery === undefined || !('SelectStmt' in subquery))
        throw this.#refuse(node, 'a derived table must be a query');
      const outer = lateral === true && left !== undefined ? this.#scope(left.scope.relations) : this.#spec.outer;
      return this.#named(
        this.#spec.bindSelect(subquery.SelectStmt, outer),
        alias?.aliasname ?? '',
        alias,
        this.#placeOf(node),
      );
    }
    throw this.#refuse(node, `${Object.keys(node)[0]} is not supported in FROM`);
  }

  #relationItem({ relname = '', alias, location }: RangeVar): FromResult {
    const at = this.#context.place(location);
    return this.#named(this.relation(relname, at), relname, alias, at);
  }

  get #temporal(): TemporalClauses {
    return this.#context.temporal ?? NO_TEMPORAL_CLAUSES;
  }

  /** @throws HeadraceError `SQL_UNKNOWN_RELATION`, naming the nearest */
  relation(name: string, at: number): PlanNode {
    const { catalog } = this.#spec;
    const found = this.#context.source.locate(at, () => catalog.find(name));
    if (found !== undefined) return found;
    const near = nearestName(name, catalog.names());
    throw this.#context.source.error(at, `relation "${name}" does not exist`, {
      code: 'SQL_UNKNOWN_RELATION',
      next: near !== undefined ? `did you mean "${near}"?` : `there is ${catalog.names().join(', ') || 'none'}`,
    });
  }

  #named(node: PlanNode, name: string, alias: AliasClause, at: number): FromResult {
    const match = this.#context.matches?.get(alias?.aliasname ?? '');
    if (match !== undefined) return bindMatch(this.#context, match, { node, name });
    const names = nameParts(alias?.colnames);
    if (names.length > node.columns.length) {
      const shown = `table "${alias?.aliasname ?? name}"`;
      throw tooManyNames(this.#context, shown, node.columns.length, names.length, at);
    }
    const plan = names.length === 0 ? node : renamed(node, names);
    return { node: plan, scope: Scope.of(alias?.aliasname ?? name, plan.columns) };
  }

  #function(range: RangeFunction, node: Node, left: FromResult | undefined): FromResult {
    const list = range.functions?.[0];
    const item = list !== undefined && 'List' in list ? list.List.items?.[0] : undefined;
    const fn = item !== undefined && 'FuncCall' in item ? item.FuncCall : undefined;
    if (fn !== undefined && item !== undefined && isWindowFunction(bareName(fn.funcname))) {
      const made = bindWindow(
        {
          context: this.#context,
          groups: this.#spec.groups,
          sessionKeys: this.#temporal.sessionKeys.get(this.#context.place(fn.location)),
          alias: range.alias?.aliasname,
          relation: (argument) => this.#windowed(argument),
        },
        fn,
        item,
      );
      return this.#named(made.node, made.name, range.alias, this.#placeOf(item));
    }
    const visible = this.#scope(left?.scope.relations ?? []);
    return bindFromFunction(this.#context, range, node, visible);
  }

  /** The relation that a window function cuts: its name, or a query in parentheses. */
  #windowed(argument: Node): { readonly node: PlanNode; readonly name: string } | undefined {
    if ('ColumnRef' in argument) {
      const name = bareName(argument.ColumnRef.fields);
      return { node: this.relation(name, this.#context.place(nodeLocation(argument))), name };
    }
    const query = 'SubLink' in argument ? argument.SubLink : undefined;
    const { subselect } = query ?? {};
    if (query?.subLinkType !== 'EXPR_SUBLINK' || subselect === undefined || !('SelectStmt' in subselect)) {
      return undefined;
    }
    return { node: this.#spec.bindSelect(subselect.SelectStmt, this.#spec.outer), name: '' };
  }

  #join(expression: JoinExpr, left: FromResult, right: FromResult, node: Node): FromResult {
    const kind = JOIN_KINDS[expression.jointype ?? 'JOIN_INNER'];
    if (kind === undefined) throw this.#refuse(firstPlaced(node), 'this kind of join is not supported');
    const made = this.#joinBy(expression, left, right, kind, node);
    const { alias } = expression;
    if (alias?.aliasname === undefined) return made;
    const { source } = this.#context;
    const shown = made.scope.star(source, 0);
    const plan = projectNode(
      made.node,
      shown.map((column) => ({ name: column.name, expression: column })),
    );
    return this.#named(plan, alias.aliasname, alias, this.#placeOf(node));
  }

  #joinBy(expression: JoinExpr, left: FromResult, right: FromResult, kind: JoinKind, node: Node): FromResult {
    const { quals } = expression;
    const at = this.#placeOf(node);
    const names =
      expression.isNatural === true
        ? commonNames(left.scope, right.scope)
        : nameParts(expression.usingClause).filter((name) => name !== undefined);
    if (names.length > 0) {
      const join = (on: Expression): PlanNode => this.#made(left, right, kind, on, at);
      return joinUsing(this.#context, { left, right, kind, names, at, join });
    }
    if (quals === undefined) return this.#joined(left, right, kind === 'inner' ? 'cross' : kind, node);
    const scope = joinedScope(this.#context, left, right, at);
    const visible = this.#scope(scope.relations);
    if (holdsSubquery(quals)) {
      if (kind !== 'inner') {
        throw this.#context.source.error(at, 'a sub-query in ON is supported for inner joins', {
          code: 'SQL_NOT_SUPPORTED',
          next: 'join a query in FROM instead',
        });
      }
      const { context, rules, bindSelect } = this.#spec;
      const where = { context, scope: visible, bindInner: bindSelect, ttlMs: rules.ttlMs, clause: 'JOIN/ON' };
      return { node: bindWhere(where, this.#made(left, right, 'cross', undefined, at), quals), scope };
    }
    const condition = new ExpressionBinder(this.#context, visible).boolean(quals, 'JOIN/ON');
    return { node: this.#made(left, right, kind, condition, at), scope };
  }

  #placeOf(node: Node): number {
    const place = firstPlaced(node);
    return this.#context.place(place === undefined ? undefined : nodeLocation(place));
  }

  #joined(left: FromResult, right: FromResult, kind: JoinKind, node: Node): FromResult {
    const at = this.#placeOf(node);
    const scope = joinedScope(this.#context, left, right, at);
    return { node: this.#made(left, right, kind, undefined, at), scope };
  }

  #made(left: FromResult, right: FromResult, kind: JoinKind, condition: Expression | undefined, at: number): PlanNode {
    const { level } = this.#scope([]);
    const { ttlMs } = this.#spec.rules;
    if (kind !== 'right' && kind !== 'full') {
      return this.#context.source.locate(at, () =>
        dependentJoin({ kind, left: left.node, right: right.node, level, condition, ttlMs }),
      );
    }
    if (isCorrelated(right.node, level)) {
      throw this.#context.source.error(at, `LATERAL cannot stand on the right of a ${kind.toUpperCase()} JOIN`, {
        code: 'SQL_NOT_SUPPORTED',
        next: 'use JOIN or LEFT JOIN',
      });
    }
    return joinNode(kind, left.node, right.node, condition ?? TRUE, ttlMs);
  }
}

/** A node inside that says where it is: joins and derived tables do not. */
function firstPlaced(node: Node): Node | undefined {
  if ('JoinExpr' in node) return node.JoinExpr.rarg === undefined ? undefined : firstPlaced(node.JoinExpr.rarg);
  if ('RangeSubselect' in node) {
    const { subquery } = node.RangeSubselect;
    if (subquery === undefined || !('SelectStmt' in subquery)) return undefined;
    const { targetList, valuesLists } = subquery.SelectStmt;
    const [row] = valuesLists ?? [];
    return row !== undefined && 'List' in row ? row.List.items?.[0] : targetList?.[0];
  }
  if ('RangeFunction' in node) {
    const list = node.RangeFunction.functions?.[0];
    return list !== undefined && 'List' in list ? list.List.items?.[0] : undefined;
  }
  return node;
}

function holdsLateral(item: Node): boolean {
  if ('JoinExpr' in item) return [item.JoinExpr.larg, item.JoinExpr.rarg].some((side) => side && holdsLateral(side));
  if ('RangeSubselect' in item) return item.RangeSubselect.lateral === true;
  return 'RangeFunction' in item;
}

function holdsSubquery(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return 'SubLink' in value || Object.values(value).some(holdsSubquery);
}
