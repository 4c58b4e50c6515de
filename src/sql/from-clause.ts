import type { JoinExpr, Node, RangeFunction, SelectStmt } from 'libpg-query';
import { nearestName } from '../base/nearest-name.ts';
import { resolveCall } from '../plan/coercion.ts';
import type { Interval } from '../plan/data-type.ts';
import type { Expression } from '../plan/expression.ts';
import { call, columnReference, TRUE } from '../plan/expression-factory.ts';
import { joinNode, projectNode, valuesNode, windowNode } from '../plan/factory.ts';
import type { JoinKind, PlanNode } from '../plan/node.ts';
import { type BindContext, ExpressionBinder } from './expression-binder.ts';
import type { QueryRules, RelationCatalog } from './relation.ts';
import { Scope, type ScopeRelation } from './scope.ts';
import { bareName, nameParts, nodeLocation } from './syntax-tree.ts';

export interface FromResult {
  readonly node: PlanNode;
  readonly scope: Scope;
}

type AliasClause = { aliasname?: string; colnames?: Node[] } | undefined;
type BindSelect = (select: SelectStmt, catalog: RelationCatalog) => PlanNode;

const MICROS_PER_DAY = 86_400_000_000n;
const JOIN_KINDS: Readonly<Record<string, JoinKind>> = {
  JOIN_INNER: 'inner',
  JOIN_LEFT: 'left',
  JOIN_RIGHT: 'right',
  JOIN_FULL: 'full',
};

/** Binds FROM: relations, joins, derived tables and TUMBLE. */
export class FromBinder {
  readonly #context: BindContext;
  readonly #rules: QueryRules;
  readonly #catalog: RelationCatalog;
  readonly #bindSelect: BindSelect;

  constructor(context: BindContext, rules: QueryRules, catalog: RelationCatalog, bindSelect: BindSelect) {
    this.#context = context;
    this.#rules = rules;
    this.#catalog = catalog;
    this.#bindSelect = bindSelect;
  }

  bind(items: readonly Node[] | undefined): FromResult {
    const [first, ...rest] = items ?? [];
    if (first === undefined) return { node: valuesNode([], [[]]), scope: new Scope([]) };
    return rest.reduce<FromResult>(
      (left, item) => this.#joined(left, this.#item(item), 'cross', () => undefined),
      this.#item(first),
    );
  }

  #refuse(node: Node | undefined, message: string, next?: string): Error {
    const at = this.#context.place(node === undefined ? undefined : nodeLocation(node));
    return this.#context.source.error(at, message, {
      code: 'SQL_NOT_SUPPORTED',
      ...(next === undefined ? {} : { next }),
    });
  }

  #item(node: Node): FromResult {
    if ('RangeVar' in node) {
      const { relname = '', alias } = node.RangeVar;
      const plan = this.relation(relname, this.#context.place(node.RangeVar.location));
      return this.#named(plan, relname, alias);
    }
    if ('RangeFunction' in node) return this.#tumble(node.RangeFunction, node);
    if ('JoinExpr' in node) return this.#join(node.JoinExpr, node);
    if ('RangeSubselect' in node) {
      const { subquery, alias, lateral } = node.RangeSubselect;
      if (lateral === true) throw this.#refuse(subquery, 'LATERAL is not supported');
      if (subquery === undefined || !('SelectStmt' in subquery))
        throw this.#refuse(node, 'a derived table must be a query');
      return this.#named(this.#bindSelect(subquery.SelectStmt, this.#catalog), alias?.aliasname ?? '', alias);
    }
    throw this.#refuse(node, `${Object.keys(node)[0]} is not supported in FROM`);
  }

  /** @throws HeadraceError `SQL_UNKNOWN_RELATION`, naming the nearest */
  relation(name: string, at: number): PlanNode {
    const found = this.#context.source.locate(at, () => this.#catalog.find(name));
    if (found !== undefined) return found;
    const near = nearestName(name, this.#catalog.names());
    throw this.#context.source.error(at, `relation "${name}" does not exist`, {
      code: 'SQL_UNKNOWN_RELATION',
      next: near !== undefined ? `did you mean "${near}"?` : `there is ${this.#catalog.names().join(', ') || 'none'}`,
    });
  }

  #named(node: PlanNode, name: string, alias: AliasClause): FromResult {
    const names = nameParts(alias?.colnames);
    const plan =
      names.length === 0
        ? node
        : projectNode(
            node,
            node.columns.map((column, index) => ({
              name: names[index] ?? column.name,
              expression: columnReference(node.columns, index),
            })),
          );
    return { node: plan, scope: Scope.of(alias?.aliasname ?? name, plan.columns) };
  }

  /** `TUMBLE(relation, time column, INTERVAL 'size' [, INTERVAL 'offset'])`. */
  #tumble(range: RangeFunction, node: Node): FromResult {
    const list = range.functions?.[0];
    const item = list !== undefined && 'List' in list ? list.List.items?.[0] : undefined;
    const fn = item !== undefined && 'FuncCall' in item ? item.FuncCall : undefined;
    const name = bareName(fn?.funcname);
    if (fn === undefined || name !== 'tumble') {
      const known =
        name === 'hop' || name === 'session' ? `${name.toUpperCase()} windows are` : `${name}(...) in FROM is`;
      throw this.#refuse(item ?? node, `${known} not supported`, 'use TUMBLE(relation, time, INTERVAL ...)');
    }
    const [relation, time, size, shift] = fn.args ?? [];
    const named = relation !== undefined && 'ColumnRef' in relation ? bareName(relation.ColumnRef.fields) : undefined;
    if (named === undefined || time === undefined || size === undefined || (fn.args?.length ?? 0) > 4) {
      throw this.#refuse(
        item,
        'TUMBLE needs a relation, its time column and the size of the window',
        "write TUMBLE(requests, time, INTERVAL '1 minute')",
      );
    }
    const input = this.relation(named, this.#context.place(nodeLocation(relation!)));
    const binder = new ExpressionBinder(this.#context, Scope.of(named, input.columns));
    const column = binder.bind(time);
    if (column.kind !== 'column') throw this.#refuse(time, 'the time of a window must be a column');
    const window = {
      kind: 'tumbling' as const,
      sizeUs: this.#fixedInterval(binder, size),
      offsetUs: shift === undefined ? 0n : this.#fixedInterval(binder, shift),
    };
    const at = this.#context.place(nodeLocation(time));
    const plan = this.#context.source.locate(at, () => windowNode(input, window, column.index));
    return this.#named(plan, named, range.alias);
  }

  #fixedInterval(binder: ExpressionBinder, node: Node): bigint {
    const bound = binder.bind(node);
    if (bound.kind !== 'literal' || bound.type.kind !== 'interval' || bound.value === null) {
      throw this.#refuse(node, 'expected a constant interval', "write INTERVAL '1 minute'");
    }
    const { months, days, micros } = bound.value as Interval;
    if (months !== 0) throw this.#refuse(node, 'a window of months has no fixed length', 'use days or shorter units');
    return BigInt(days) * MICROS_PER_DAY + micros;
  }

  #join(expression: JoinExpr, node: Node): FromResult {
    const kind = JOIN_KINDS[expression.jointype ?? 'JOIN_INNER'];
    if (kind === undefined || expression.isNatural === true || expression.alias !== undefined) {
      throw this.#refuse(firstPlaced(node), 'this kind of join is not supported', 'write JOIN ... ON or USING');
    }
    const left = this.#item(expression.larg!);
    const right = this.#item(expression.rarg!);
    const names = nameParts(expression.usingClause).filter((name) => name !== undefined);
    if (names.length > 0) return this.#joinUsing(left, right, kind, names, firstPlaced(node));
    const { quals } = expression;
    if (quals === undefined) return this.#joined(left, right, kind === 'inner' ? 'cross' : kind, () => undefined);
    return this.#joined(left, right, kind, (scope) =>
      new ExpressionBinder(this.#context, scope).boolean(quals, 'JOIN/ON'),
    );
  }

  #joinUsing(
    left: FromResult,
    right: FromResult,
    kind: JoinKind,
    names: readonly string[],
    place: Node | undefined,
  ): FromResult {
    if (kind === 'full') throw this.#refuse(place, 'FULL JOIN ... USING is not supported', 'write ON and coalesce');
    const at = this.#context.place(place === undefined ? undefined : nodeLocation(place));
    const shift = left.node.columns.length;
    const { source } = this.#context;
    const condition = call(
      'and',
      names.map((name) => {
        const other = right.scope.resolve(source, at, name);
        return resolveCall('eq', [left.scope.resolve(source, at, name), { ...other, index: other.index + shift }]);
      }),
    );
    const joined = this.#joined(left, right, kind, () => condition);
    const hiddenSide = kind === 'right' ? left.scope.relations.length : -1;
    const relations = joined.scope.relations.map((relation, index): ScopeRelation => {
      const hide = hiddenSide >= 0 ? index < hiddenSide : index >= left.scope.relations.length;
      return hide ? { ...relation, hidden: new Set([...(relation.hidden ?? []), ...names]) } : relation;
    });
    return { node: joined.node, scope: new Scope(relations) };
  }

  #joined(
    left: FromResult,
    right: FromResult,
    kind: JoinKind,
    condition: (scope: Scope) => Expression | undefined,
  ): FromResult {
    const shift = left.node.columns.length;
    const shifted = right.scope.relations.map((relation) => ({ ...relation, offset: relation.offset + shift }));
    const scope = new Scope([...left.scope.relations, ...shifted]);
    const bound = kind === 'cross' ? undefined : (condition(scope) ?? TRUE);
    return { node: joinNode(kind, left.node, right.node, bound, this.#rules.ttlMs), scope };
  }
}

/** A node inside that says where it is: joins do not. */
function firstPlaced(node: Node): Node | undefined {
  if ('JoinExpr' in node) return node.JoinExpr.rarg === undefined ? undefined : firstPlaced(node.JoinExpr.rarg);
  if ('RangeSubselect' in node) return undefined;
  return node;
}
