import type { JoinExpr, Node } from 'libpg-query';
import { nearestName } from '../../base/nearest-name.ts';
import { lookupNode } from '../../plan/analytic-factory.ts';
import { resolveCall } from '../../plan/coercion.ts';
import type { ColumnExpression, Expression } from '../../plan/expression.ts';
import { call, caseExpression, castTo, columnReference, nullLiteral } from '../../plan/expression-factory.ts';
import { filterNode, projectNode } from '../../plan/factory.ts';
import type { LookupNode, PlanNode, SourceColumn } from '../../plan/node.ts';
import { columnsOf } from '../../plan/optimizer/rewrite.ts';
import { type BindContext, ExpressionBinder } from '../expression-binder.ts';
import { Scope } from '../scope.ts';
import type { CreateLookup } from '../statement/lookup-statement.ts';
import type { SourceText } from '../text/source-text.ts';
import { nameParts } from '../text/syntax-tree.ts';
import { type FromResult, requireOwnNames } from './join-clause.ts';

/** A look-up that `JOIN` may name. */
export interface DeclaredLookup {
  readonly name: string;
  readonly columns: readonly SourceColumn[];
  /** Positions of the columns that it is asked by. */
  readonly keys: readonly number[];
  readonly connector: string;
  readonly options: Readonly<Record<string, string>>;
}

/** @throws HeadraceError `SQL_LOOKUP`, `SQL_DUPLICATE_NAME`, `SQL_UNKNOWN_COLUMN`, `SQL_UNKNOWN_OPTION` */
export function declaredLookup(source: SourceText, statement: CreateLookup): DeclaredLookup {
  const { name, columns, options } = statement;
  const names = columns.map((column) => column.name);
  const twice = columns.find((column, at) => names.indexOf(column.name) !== at);
  if (twice !== undefined) {
    throw source.error(twice.at, `"${twice.name}" is declared twice`, { code: 'SQL_DUPLICATE_NAME' });
  }
  if (statement.keys.length === 0) {
    throw source.error(name.at, `look-up "${name.name}" has no key`, {
      code: 'SQL_LOOKUP',
      next: 'write PRIMARY KEY behind the column that it is asked by',
    });
  }
  const keys = statement.keys.map((key) => {
    const at = names.indexOf(key.name);
    if (at >= 0) return at;
    const near = nearestName(key.name, names);
    throw source.error(key.at, `column "${key.name}" does not exist`, {
      code: 'SQL_UNKNOWN_COLUMN',
      next: near === undefined ? `there is ${names.join(', ')}` : `did you mean "${near}"?`,
    });
  });
  const connector = options.get('connector');
  if (connector === undefined) {
    throw source.error(name.at, `look-up "${name.name}" names no connector`, {
      code: 'SQL_UNKNOWN_OPTION',
      next: "add WITH (connector = 'http', url = '...')",
    });
  }
  const rest = [...options].filter(([option]) => option !== 'connector').map(([option, { value }]) => [option, value]);
  const declared = columns.map(({ name: column, type, nullable, path }) => ({ name: column, type, nullable, path }));
  return {
    name: name.name,
    columns: declared,
    keys,
    connector: connector.value,
    options: Object.fromEntries(rest) as Record<string, string>,
  };
}

/**
 * `left [LEFT] JOIN look-up ON look-up.key = expression AND ...`, or USING its keys. Undefined when the right side is no look-up.
 *
 * @throws HeadraceError `SQL_LOOKUP` when it is not joined by all of its keys
 */
export function bindLookupJoin(context: BindContext, join: JoinExpr, left: FromResult): FromResult | undefined {
  const right = join.rarg;
  if (right === undefined || !('RangeVar' in right)) return undefined;
  const declared = context.lookups?.get(right.RangeVar.relname ?? '');
  if (declared === undefined) return undefined;
  const at = context.place(right.RangeVar.location);
  if (!(join.jointype === undefined || join.jointype === 'JOIN_INNER' || join.jointype === 'JOIN_LEFT')) {
    throw lookupError(
      context,
      at,
      `"${declared.name}" is a look-up: it has no rows of its own`,
      'write JOIN or LEFT JOIN',
    );
  }
  const alias = right.RangeVar.alias;
  if (alias?.colnames !== undefined) throw lookupError(context, at, 'the columns of a look-up cannot be renamed here');
  const kind = join.jointype === 'JOIN_LEFT' ? 'left' : 'inner';
  return new LookupJoin(context, declared, kind, left, alias?.aliasname ?? declared.name, at).bind(join);
}

class LookupJoin {
  readonly #context: BindContext;
  readonly #declared: DeclaredLookup;
  readonly #kind: LookupNode['join'];
  readonly #left: FromResult;
  readonly #name: string;
  readonly #at: number;
  readonly #width: number;

  constructor(
    context: BindContext,
    declared: DeclaredLookup,
    kind: LookupNode['join'],
    left: FromResult,
    name: string,
    at: number,
  ) {
    this.#context = context;
    this.#declared = declared;
    this.#kind = kind;
    this.#left = left;
    this.#name = name;
    this.#at = at;
    this.#width = left.node.columns.length;
  }

  bind(join: JoinExpr): FromResult {
    requireOwnNames(this.#context, this.#left.scope, [this.#name], this.#at);
    const using = nameParts(join.usingClause).filter((name) => name !== undefined);
    const terms = using.length > 0 ? this.#using(using) : this.#terms(join.quals);
    const keys = this.#declared.keys.map((key) =>
      terms.map((term) => this.#keyOf(term, key)).find((e) => e !== undefined),
    );
    if (keys.some((key) => key === undefined)) throw this.#keysMissing();
    const rest = terms.filter((term) => !this.#declared.keys.some((key) => this.#keyOf(term, key) !== undefined));
    const node = this.#conditional(this.#node(keys as Expression[]), rest);
    return { node, scope: this.#scope(using) };
  }

  #scope(hidden: readonly string[] = []): Scope {
    const columns = this.#declared.columns.map((column) => ({ ...column, nullable: true }));
    const own = { name: this.#name, columns, offset: this.#width };
    return new Scope([...this.#left.scope.relations, hidden.length === 0 ? own : { ...own, hidden: new Set(hidden) }]);
  }

  #using(names: readonly string[]): readonly Expression[] {
    const { source } = this.#context;
    const right = Scope.of(this.#name, this.#declared.columns);
    return names.map((name) => {
      const other = right.resolve(source, this.#at, name);
      const own = this.#left.scope.resolve(source, this.#at, name);
      return source.locate(this.#at, () => resolveCall('eq', [{ ...other, index: other.index + this.#width }, own]));
    });
  }

  #terms(quals: Node | undefined): readonly Expression[] {
    if (quals === undefined) throw this.#keysMissing();
    const condition = new ExpressionBinder(this.#context, this.#scope()).boolean(quals, 'JOIN/ON');
    const isAnd = condition.kind === 'call' && condition.function === 'and';
    return isAnd ? condition.args : [condition];
  }

  /** What the key is compared with, when the term is an equality of it with something of the left side. */
  #keyOf(term: Expression, key: number): Expression | undefined {
    if (term.kind !== 'call' || term.function !== 'eq') return undefined;
    const [a, b] = term.args as [Expression, Expression];
    const isKey = (side: Expression): side is ColumnExpression =>
      side.kind === 'column' && side.index === this.#width + key;
    const other = isKey(a) ? b : isKey(b) ? a : undefined;
    if (other === undefined || [...columnsOf(other)].some((column) => column >= this.#width)) return undefined;
    return this.#context.source.locate(this.#at, () => castTo(other, this.#declared.columns[key]!.type));
  }

  #node(keys: readonly Expression[]): PlanNode {
    const { columns, connector, options } = this.#declared;
    const keyNames = this.#declared.keys.map((key) => columns[key]!.name);
    return lookupNode({
      name: this.#declared.name,
      input: this.#left.node,
      connector,
      options,
      keys,
      keyNames,
      found: columns,
      join: this.#kind,
    });
  }

  /** What else the condition says decides whether the row that was found is one. */
  #conditional(node: PlanNode, rest: readonly Expression[]): PlanNode {
    if (rest.length === 0) return node;
    const condition = call('and', rest);
    if (this.#kind === 'inner') return filterNode(node, condition);
    return projectNode(
      node,
      node.columns.map((column, at) => {
        const value = columnReference(node.columns, at);
        if (at < this.#width) return { name: column.name, expression: value };
        // biome-ignore lint/suspicious/noThenProperty: the contract names the result of a branch `then`; it is never awaited
        const branch = { when: condition, then: value };
        return { name: column.name, expression: caseExpression([branch], nullLiteral(column.type)) };
      }),
    );
  }

  #keysMissing(): Error {
    const keys = this.#declared.keys.map((key) => this.#declared.columns[key]!.name);
    const shown = keys.map((key) => `${this.#name}.${key} = ...`).join(' AND ');
    return lookupError(
      this.#context,
      this.#at,
      `look-up "${this.#declared.name}" must be joined by its key (${keys.join(', ')})`,
      `write ON ${shown}, where the other side is of the type of the key`,
    );
  }
}

function lookupError(context: BindContext, at: number, message: string, next?: string): Error {
  return context.source.error(at, message, { code: 'SQL_LOOKUP', ...(next !== undefined && { next }) });
}
