import { parseDurationUs } from '../base/duration.ts';
import { HeadraceError } from '../base/error.ts';
import { matchNode } from '../plan/analytic-factory.ts';
import { resolveCall } from '../plan/coercion.ts';
import { columnReference } from '../plan/expression-factory.ts';
import type { MatchNode, PlanNode, RowNavigation } from '../plan/node.ts';
import { serializeValue } from '../plan/pipeline-text.ts';
import type { RowPattern } from '../plan/row-pattern.ts';
import { TYPE, type TypeKind } from '../plan/type-name.ts';
import type { Aggregate } from './aggregate.ts';
import { columnIndex, type Row, rowOf, type Shape } from './row.ts';
import { Value } from './value.ts';

/** A pattern over rows that have names: what a text names, one row is. */
export type Pattern<Name extends string = string> = Name | PatternPart<Name>;

class PatternPart<Name extends string> {
  /** Exists for the compiler only. */
  declare readonly names: Name;
  readonly make: (negated: Map<string, string>) => RowPattern;

  constructor(make: (negated: Map<string, string>) => RowPattern) {
    this.make = make;
  }
}

function partOf<Name extends string>(pattern: Pattern<Name>): PatternPart<Name>['make'] {
  return typeof pattern === 'string' ? () => ({ kind: 'variable', name: pattern }) : pattern.make;
}

function repeated<Name extends string>(of: Pattern<Name>, min: number, max: number | undefined, greedy = true) {
  const item = partOf(of);
  return new PatternPart<Name>((negated) => ({ kind: 'repeat', item: item(negated), min, max, greedy }));
}

/** Rows that meet no condition. */
const ANY_ROW = 'any row';

/**
 * Parts of a pattern for {@link Stream.match}. Rows of one key follow each other without gaps: `anything` takes those between.
 *
 * @example
 * ```ts
 * const found = clicks.match({
 *   by: ['page'],
 *   orderBy: 'time',
 *   pattern: sequence('small', none('medium'), 'large'),
 *   within: '10 minutes',
 *   define: {
 *     small: (m) => m.row.bytes.lt(100),
 *     medium: (m) => m.row.bytes.lt(10_000),
 *     large: (m) => m.row.bytes.gt(m.last('small').bytes),
 *   },
 *   measures: (m) => ({ least: m.first('small').bytes, most: m.last('large').bytes }),
 * });
 * found.node.columns.map((column) => column.name); // ['page', 'least', 'most']
 * ```
 */
export function sequence<Name extends string>(...parts: readonly Pattern<Name>[]): PatternPart<Name> {
  const items = parts.map(partOf);
  return new PatternPart<Name>((negated) => ({ kind: 'sequence', items: items.map((item) => item(negated)) }));
}

/** The first of these that leads to a match. */
export function either<Name extends string>(...parts: readonly Pattern<Name>[]): PatternPart<Name> {
  const items = parts.map(partOf);
  return new PatternPart<Name>((negated) => ({ kind: 'alternation', items: items.map((item) => item(negated)) }));
}

export interface RepeatOptions {
  /** As few as lead to a match; without it as many as do. */
  readonly fewest?: boolean;
}

/** One row of the name or more, each right behind the other. */
export function oneOrMore<Name extends string>(of: Pattern<Name>, options: RepeatOptions = {}): PatternPart<Name> {
  return repeated(of, 1, undefined, options.fewest !== true);
}

/** Any number of rows of the name, none included. */
export function zeroOrMore<Name extends string>(of: Pattern<Name>, options: RepeatOptions = {}): PatternPart<Name> {
  return repeated(of, 0, undefined, options.fewest !== true);
}

/** A row of the name, or none. */
export function optional<Name extends string>(of: Pattern<Name>, options: RepeatOptions = {}): PatternPart<Name> {
  return repeated(of, 0, 1, options.fewest !== true);
}

/** So many; between so many and so many; `most` undefined for no bound. */
export function times<Name extends string>(
  of: Pattern<Name>,
  least: number,
  most: number | undefined = least,
  options: RepeatOptions = {},
): PatternPart<Name> {
  return repeated(of, least, most, options.fewest !== true);
}

/** Any rows, as few as lead to a match. */
export function anything(): PatternPart<never> {
  return repeated<never>(new PatternPart<never>(() => ({ kind: 'variable', name: ANY_ROW })), 0, undefined, false);
}

/** Any rows that are not this one, as few as lead to a match. */
export function none<Name extends string>(name: Name): PatternPart<Name> {
  const part = new PatternPart<Name>((negated) => {
    const other = `not ${name}`;
    negated.set(other, name);
    return { kind: 'variable', name: other };
  });
  return repeated(part, 0, undefined, false);
}

/** What conditions and measures see of the rows that were taken so far. */
export interface MatchView<Columns extends Shape, Name extends string> {
  /** The last row taken; in a condition, the one that is looked at. */
  readonly row: Row<Columns>;
  /** The last row of a name, or the one so many of its rows before. */
  last(name: Name, before?: number): Row<Columns>;
  /** The first row of a name, or the one so many of its rows after. */
  first(name: Name, after?: number): Row<Columns>;
  /** The row so many places before the last one, whatever its name: also one before the match. */
  previous(places?: number): Row<Columns>;
  /** An aggregate over the rows of a name, or over all that were taken. */
  aggregate<Kind extends TypeKind>(aggregate: (row: Row<Columns>) => Aggregate<Kind>, name?: Name): Value<Kind>;
  /** The name of the last row. */
  readonly name: Value<'text'>;
}

export interface MatchOptions<
  Columns extends Shape,
  Name extends string,
  Measures extends Readonly<Record<string, Value>>,
> {
  /** Columns that keep patterns apart. */
  readonly by?: readonly (keyof Columns & string)[];
  /** The event time; rows that are equal in it come in the order of arrival. */
  readonly orderBy: keyof Columns & string;
  readonly pattern: Pattern<Name>;
  /** A name without a condition is any row. */
  readonly define: { readonly [Each in Name]?: (match: MatchView<Columns, Name>) => Value<'boolean'> };
  readonly measures: (match: MatchView<Columns, Name>) => Measures;
  /** From the first row of a match to its last, at most. */
  readonly within?: string;
  /** Where the next match may begin; without it after the last row. */
  readonly next?: 'after the last row' | 'after the first row' | { readonly atFirst: Name } | { readonly atLast: Name };
}

export function matchPlan<Columns extends Shape, Name extends string, Measures extends Readonly<Record<string, Value>>>(
  input: PlanNode,
  options: MatchOptions<Columns, Name, Measures>,
): MatchNode {
  const negated = new Map<string, string>();
  const pattern = partOf(options.pattern)(negated);
  const navigations = new Navigations<Columns, Name>(input);
  const conditions = new Map<string, Value<'boolean'>>();
  for (const [name, define] of Object.entries(options.define)) {
    conditions.set(name, (define as (match: MatchView<Columns, Name>) => Value<'boolean'>)(navigations));
  }
  for (const [other, name] of negated) {
    const condition = conditions.get(name);
    if (condition === undefined) throw undefinedName(name);
    // Of a row for which the condition is null, neither it nor its opposite is true.
    const known = resolveCall('is_not_true', [condition.expression]);
    conditions.set(other, new Value<'boolean'>(known));
  }
  const measures = Object.entries(options.measures(navigations));
  return matchNode(
    {
      input,
      partition: (options.by ?? []).map((name) => columnIndex(input, name)),
      keys: [
        {
          expression: columnReference(input.columns, columnIndex(input, options.orderBy)),
          descending: false,
          nullsFirst: false,
        },
      ],
      pattern,
      navigations: navigations.list,
      defines: [...conditions].map(([variable, { expression }]) => ({ variable, condition: expression })),
      measures: measures.map(([, { expression }]) => expression),
      afterMatch: afterMatch(options.next ?? 'after the last row'),
      withinUs: options.within === undefined ? undefined : parseDurationUs(options.within),
    },
    measures.map(([name]) => name),
  );
}

function afterMatch(next: NonNullable<MatchOptions<Shape, string, never>['next']>): MatchNode['afterMatch'] {
  if (typeof next === 'string') return { kind: next === 'after the last row' ? 'past-last-row' : 'next-row' };
  return 'atFirst' in next ? { kind: 'first', variable: next.atFirst } : { kind: 'last', variable: next.atLast };
}

function undefinedName(name: string): HeadraceError {
  return new HeadraceError(`building a pattern: none('${name}') needs a condition that "${name}" means`, {
    code: 'PLAN_INVALID_NODE',
    domain: 'plan',
    next: `define "${name}"`,
  });
}

/** Gives every use of a row of the match a place among the navigations of the node. */
class Navigations<Columns extends Shape, Name extends string> implements MatchView<Columns, Name> {
  readonly list: RowNavigation[] = [];
  readonly #input: PlanNode;

  constructor(input: PlanNode) {
    this.#input = input;
  }

  get row(): Row<Columns> {
    return this.#rowOf({});
  }

  last(name: Name, before = 0): Row<Columns> {
    return this.#rowOf({ variables: [name], skip: before });
  }

  first(name: Name, after = 0): Row<Columns> {
    return this.#rowOf({ variables: [name], from: 'first', skip: after });
  }

  previous(places = 1): Row<Columns> {
    return this.#rowOf({ back: places });
  }

  aggregate<Kind extends TypeKind>(aggregate: (row: Row<Columns>) => Aggregate<Kind>, name?: Name): Value<Kind> {
    const { call } = aggregate(rowOf<Columns>(this.#input));
    const { type } = call;
    return this.#value<Kind>(
      { kind: 'aggregate', variables: name === undefined ? undefined : [name], aggregate: call, type },
      call.function,
    );
  }

  get name(): Value<'text'> {
    const spec = { kind: 'classifier', variables: undefined, from: 'last', skip: 0, type: TYPE.text } as const;
    return this.#value<'text'>(spec, 'classifier');
  }

  #rowOf(which: Partial<Pick<RowNavigation & { kind: 'row' }, 'variables' | 'from' | 'skip' | 'back'>>): Row<Columns> {
    const at = { kind: 'row', variables: undefined, from: 'last', skip: 0, back: 0, ...which } as const;
    return new Proxy({} as Row<Columns>, {
      get: (_, name) => {
        if (typeof name !== 'string') return undefined;
        const value = columnReference(this.#input.columns, columnIndex(this.#input, name));
        return this.#value({ ...at, value, type: value.type }, name);
      },
    });
  }

  #value<Kind extends TypeKind>(spec: RowNavigation, name: string): Value<Kind> {
    const text = serializeValue(spec);
    let index = this.list.findIndex((known) => serializeValue(known) === text);
    if (index < 0) index = this.list.push(Object.freeze(spec)) - 1;
    return new Value<Kind>(Object.freeze({ kind: 'column', type: spec.type, index, name }));
  }
}
