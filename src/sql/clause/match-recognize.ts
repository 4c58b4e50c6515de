import { matchNode } from '../../plan/analytic-factory.ts';
import type { Interval } from '../../plan/data-type.ts';
import type { Expression } from '../../plan/expression.ts';
import { columnReference } from '../../plan/expression-factory.ts';
import { projectNode } from '../../plan/factory.ts';
import type { MatchNode, PlanNode, SortKey } from '../../plan/node.ts';
import { type BindContext, ExpressionBinder } from '../expression-binder.ts';
import { Scope } from '../scope.ts';
import type { NameAt, TextRange } from '../statement/statement.ts';
import { parseExpression } from '../text/query-parser.ts';
import { tokenize } from '../text/tokenizer.ts';
import type { MatchClause } from './match-clause.ts';
import { NavigationBinder } from './row-navigation.ts';
import { patternVariables } from './row-pattern.ts';

const MICROS_PER_DAY = 86_400_000_000n;

/** Binds MATCH_RECOGNIZE over the rows of a relation. */
export function bindMatch(
  context: BindContext,
  clause: MatchClause,
  input: { readonly node: PlanNode; readonly name: string },
): { readonly node: PlanNode; readonly scope: Scope } {
  const node = new MatchBinder(context, clause, input).node();
  const names = clause.columnNames;
  const extra = names[node.columns.length];
  if (extra !== undefined) {
    throw context.source.error(extra.at, `there are ${node.columns.length} columns to name`, { next: 'remove a name' });
  }
  const items = node.columns.map((column, index) => ({
    name: names[index]?.name ?? column.name,
    expression: columnReference(node.columns, index),
  }));
  const plan = projectNode(node, items);
  return { node: plan, scope: Scope.of(clause.name?.name ?? '', plan.columns) };
}

class MatchBinder {
  readonly #context: BindContext;
  readonly #clause: MatchClause;
  readonly #input: PlanNode;
  readonly #scope: Scope;
  /** All variables that an expression may name, each with those of the pattern that it stands for. */
  readonly #variables = new Map<string, readonly string[]>();

  constructor(context: BindContext, clause: MatchClause, input: { readonly node: PlanNode; readonly name: string }) {
    this.#context = context;
    this.#clause = clause;
    this.#input = input.node;
    this.#scope = Scope.of(input.name, input.node.columns);
    for (const name of patternVariables(clause.pattern)) this.#variables.set(name, [name]);
    for (const { name, variables } of clause.subsets) {
      if (this.#variables.has(name.name)) throw this.#error(name.at, `"${name.name}" is a variable already`);
      const members = variables.map((variable) => this.#primary(variable));
      this.#variables.set(name.name, members);
    }
  }

  node(): MatchNode {
    const { clause, navigation } = { clause: this.#clause, navigation: this.#navigation() };
    const partition = clause.partition.map((range) => this.#column(range));
    const keys = this.#keys();
    const defined = new Set<string>();
    const defines = clause.defines.map(({ variable, condition }) => {
      const name = this.#primary(variable);
      if (defined.has(name)) throw this.#error(variable.at, `"${name}" is defined twice`);
      defined.add(name);
      return {
        variable: name,
        condition: this.#expression(condition, (binder, node) => binder.boolean(node, 'DEFINE'), navigation),
      };
    });
    const measures = clause.measures.map(({ value }) =>
      this.#expression(value, (binder, node) => binder.bind(node), navigation),
    );
    if (partition.length + measures.length === 0) {
      throw this.#error(clause.at, 'MATCH_RECOGNIZE shows no columns', 'add MEASURES, or PARTITION BY');
    }
    const spec = {
      input: this.#input,
      partition,
      keys,
      pattern: clause.pattern,
      navigations: navigation.all,
      defines,
      measures,
      afterMatch: this.#afterMatch(),
      withinUs: this.#within(keys),
    };
    return matchNode(
      spec,
      clause.measures.map(({ name }) => name.name),
    );
  }

  #error(at: number, message: string, next?: string): Error {
    return this.#context.source.error(at, message, {
      code: 'SQL_NOT_SUPPORTED',
      ...(next === undefined ? {} : { next }),
    });
  }

  #navigation(): NavigationBinder {
    return new NavigationBinder(this.#scope, this.#variables);
  }

  /** A variable of the pattern. */
  #primary(variable: NameAt): string {
    const known = patternVariables(this.#clause.pattern);
    if (known.includes(variable.name)) return variable.name;
    throw this.#context.source.error(variable.at, `variable "${variable.name}" is not in the pattern`, {
      code: 'SQL_UNKNOWN_COLUMN',
      next: `there is ${known.join(', ')}`,
    });
  }

  /** An expression of the clause, with positions of its own; RUNNING and FINAL mean nothing where a match is one row. */
  #expression(
    range: TextRange,
    bind: (binder: ExpressionBinder, node: Parameters<ExpressionBinder['bind']>[0]) => Expression,
    navigation?: NavigationBinder,
  ): Expression {
    const { source, functions } = this.#context;
    const { node, place } = parseExpression(source, range, this.#withoutModes(range));
    const context: BindContext = { source, place, functions };
    if (navigation === undefined) return bind(new ExpressionBinder(context, this.#scope), node);
    return bind(navigation.binder(context), node);
  }

  #withoutModes(range: TextRange): string {
    const { source } = this.#context;
    let text = source.text.slice(range.start, range.end);
    if (!/running|final/i.test(text)) return text;
    const tokens = tokenize(source).filter((token) => token.start >= range.start && token.end <= range.end);
    tokens.forEach((token, index) => {
      const isMode = token.kind === 'word' && (token.value === 'running' || token.value === 'final');
      if (!isMode || tokens[index + 1]?.kind !== 'word' || tokens[index + 2]?.value !== '(') return;
      const [from, to] = [token.start - range.start, token.end - range.start];
      text = text.slice(0, from) + ' '.repeat(to - from) + text.slice(to);
    });
    return text;
  }

  #column(range: TextRange): number {
    const bound = this.#expression(range, (binder, node) => binder.bind(node));
    if (bound.kind === 'column') return bound.index;
    throw this.#error(
      range.start,
      'a key of PARTITION BY must be a column here',
      'compute it in a view, and match over that',
    );
  }

  #keys(): readonly SortKey[] {
    const keys = this.#clause.order.map(({ value, descending, nullsFirst }) => ({
      expression: this.#expression(value, (binder, node) => binder.bind(node)),
      descending,
      nullsFirst,
    }));
    const [first] = keys;
    if (first !== undefined && isTime(first.expression) && !first.descending) return keys;
    throw this.#error(
      this.#clause.order[0]?.value.start ?? this.#clause.at,
      'MATCH_RECOGNIZE is ordered by the event time first',
      'write ORDER BY and the time column of the source, ascending',
    );
  }

  #afterMatch(): MatchNode['afterMatch'] {
    const { afterMatch } = this.#clause;
    if (!('variable' in afterMatch)) return afterMatch;
    return { kind: afterMatch.kind, variable: this.#primary(afterMatch.variable) };
  }

  #within(keys: readonly SortKey[]): bigint | undefined {
    const range = this.#clause.within;
    if (range === undefined) return undefined;
    const bound = this.#expression(range, (binder, node) => binder.bind(node));
    if (bound.kind !== 'literal' || bound.type.kind !== 'interval' || bound.value === null) {
      throw this.#error(range.start, 'WITHIN takes a constant interval', "write WITHIN INTERVAL '10 minutes'");
    }
    const { months, days, micros } = bound.value as Interval;
    const withinUs = BigInt(days) * MICROS_PER_DAY + micros;
    if (months !== 0 || withinUs <= 0n) {
      throw this.#error(range.start, 'WITHIN takes a length of time', 'use days or shorter units, more than zero');
    }
    if (keys[0] === undefined || !isTime(keys[0].expression)) {
      throw this.#error(
        range.start,
        'WITHIN needs rows in the order of a time',
        'write ORDER BY and a time column first',
      );
    }
    return withinUs;
  }
}

function isTime({ kind, type }: Expression): boolean {
  return kind === 'column' && (type.kind === 'timestamptz' || type.kind === 'timestamp');
}
