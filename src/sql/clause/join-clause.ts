import { resolveCall } from '../../plan/coercion.ts';
import type { Expression } from '../../plan/expression.ts';
import { call, columnReference } from '../../plan/expression-factory.ts';
import { projectNode } from '../../plan/factory.ts';
import type { JoinKind, PlanNode } from '../../plan/node.ts';
import type { BindContext } from '../expression-binder.ts';
import { Scope, type ScopeRelation } from '../scope.ts';

/** Rows of FROM, or of a part of it, and the names of their columns. */
export interface FromResult {
  readonly node: PlanNode;
  readonly scope: Scope;
}

function moved(relation: ScopeRelation, by: number): ScopeRelation {
  const { positions } = relation;
  return {
    ...relation,
    offset: relation.offset + by,
    ...(positions !== undefined && { positions: positions.map((position) => position + by) }),
  };
}

/** @throws HeadraceError `SQL_DUPLICATE_NAME` when a relation of the right side has the name of one on the left */
export function requireOwnNames({ source }: BindContext, left: Scope, right: readonly string[], at: number): void {
  const names = new Set(left.relations.map(({ name }) => name));
  const twice = right.find((name) => name !== '' && names.has(name));
  if (twice === undefined) return;
  throw source.error(at, `table name "${twice}" specified more than once`, {
    code: 'SQL_DUPLICATE_NAME',
    next: 'give each an alias of its own (AS name)',
  });
}

/** The names of both sides, over the joined row. @throws HeadraceError `SQL_DUPLICATE_NAME` */
export function joinedScope(context: BindContext, left: FromResult, right: FromResult, at: number): Scope {
  const names = right.scope.relations.map(({ name }) => name);
  requireOwnNames(context, left.scope, names, at);
  const by = left.node.columns.length;
  return new Scope([...left.scope.relations, ...right.scope.relations.map((relation) => moved(relation, by))]);
}

/** The names that both sides have: what NATURAL joins by. */
export function commonNames(left: Scope, right: Scope): readonly string[] {
  const names = (scope: Scope): string[] =>
    scope.relations.flatMap((relation) =>
      relation.columns.flatMap(({ name }) => (relation.hidden?.has(name) ? [] : [name])),
    );
  const others = new Set(names(right));
  return [...new Set(names(left))].filter((name) => others.has(name));
}

export interface UsingJoin {
  readonly left: FromResult;
  readonly right: FromResult;
  readonly kind: JoinKind;
  readonly names: readonly string[];
  readonly at: number;
  readonly join: (on: Expression) => PlanNode;
}

/**
 * USING and NATURAL: the columns of both sides with these names are equal, and become one, which comes first. Of a full join it is
 * what either side has.
 */
export function joinUsing(context: BindContext, spec: UsingJoin): FromResult {
  const { left, right, kind, names, at } = spec;
  const scope = joinedScope(context, left, right, at);
  const by = left.node.columns.length;
  const pairs = names.map((name) => {
    const first = left.scope.resolve(context.source, at, name);
    const other = right.scope.resolve(context.source, at, name);
    return { name, left: first, right: { ...other, index: other.index + by } };
  });
  const equal = pairs.map((pair) => context.source.locate(at, () => resolveCall('eq', [pair.left, pair.right])));
  const joined = spec.join(call('and', equal));
  const node = kind === 'full' ? withCoalesced(joined, pairs) : joined;
  const merged = pairs.map((pair, index) => {
    if (kind === 'full') return columnReference(node.columns, joined.columns.length + index);
    return kind === 'right' ? pair.right : pair.left;
  });
  const pseudo: ScopeRelation = {
    name: '',
    columns: merged.map(({ type }, index) => ({ name: names[index]!, type, nullable: true })),
    offset: 0,
    positions: merged.map(({ index }) => index),
  };
  const hide = (relation: ScopeRelation): ScopeRelation => ({
    ...relation,
    hidden: new Set([...(relation.hidden ?? []), ...names]),
  });
  return { node, scope: new Scope([pseudo, ...scope.relations.map(hide)]) };
}

function withCoalesced(
  joined: PlanNode,
  pairs: readonly { readonly name: string; readonly left: Expression; readonly right: Expression }[],
): PlanNode {
  const own = joined.columns.map(({ name }, index) => ({ name, expression: columnReference(joined.columns, index) }));
  const merged = pairs.map(({ name, left, right }) => ({ name, expression: resolveCall('coalesce', [left, right]) }));
  return projectNode(joined, [...own, ...merged]);
}
