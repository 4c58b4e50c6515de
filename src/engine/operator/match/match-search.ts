import { messageOf } from '../../../base/error.ts';
import { compileExpression } from '../../../plan/evaluate.ts';
import type { EvaluationContext } from '../../../plan/function.ts';
import type { MatchNode } from '../../../plan/node.ts';
import { sortOrder } from '../../../plan/value/sort-order.ts';
import { MATCH_ROWS_MAX } from '../../limits.ts';
import type { ExpressionContext } from '../row-evaluator.ts';
import { type AttemptState, type Label, MatchAttempt } from './match-attempt.ts';
import { isForgetful, type MatchRows, NavigationEvaluator, rowsBefore } from './navigation.ts';
import { compilePattern, type PatternProgram } from './pattern-program.ts';

/** A row in the order of the pattern. */
export interface MatchRow {
  readonly values: readonly unknown[];
  readonly time: bigint;
  /** The order of arrival, among rows that are equal in the order of the pattern. */
  readonly arrival: number;
}

/** Says that a row cannot be used, by its place after the first row of the match. */
export type RefuseRow = (place: number, message: string) => void;

/** Rows of one partition, in order. */
export interface MatchRowList {
  at(place: number): MatchRow | undefined;
}

/** What one beginning came to, when no other rows come. */
export interface Found {
  /** Rows before this place were looked at: a change there may change it. Infinity when it looked to the end. */
  readonly extent: number;
  /** Where the next may begin. */
  readonly next: number;
  /** Matches up to here. */
  readonly matches: number;
  /** The measures of the match, and the time of its last row. */
  readonly result: { readonly values: readonly unknown[]; readonly time: bigint } | undefined;
  readonly letters: readonly RefusedRow[];
}

export interface RefusedRow {
  readonly row: MatchRow;
  readonly message: string;
}

/** What MATCH_RECOGNIZE asks of rows: their order, the conditions of variables, what a match shows and where the next may begin. */
export class MatchSearch {
  /** How many rows before the first one of a match are looked at. */
  readonly rowsBefore: number;
  readonly #node: MatchNode;
  readonly #program: PatternProgram;
  readonly #forgetful: boolean;
  readonly #conditions: ReadonlyMap<string, NavigationEvaluator>;
  readonly #measures: readonly NavigationEvaluator[];
  readonly #keysOf: (row: MatchRow) => readonly unknown[];
  readonly #inOrder: (a: readonly unknown[], b: readonly unknown[]) => number;

  constructor(node: MatchNode, expressions: ExpressionContext) {
    this.#node = node;
    this.#program = compilePattern(node.pattern);
    this.#forgetful = isForgetful(node);
    this.rowsBefore = rowsBefore(node);
    const context: EvaluationContext = {
      get nowUs() {
        return BigInt(expressions.clockMs()) * 1000n;
      },
      userFunction: expressions.userFunction,
    };
    const evaluator = (expression: MatchNode['measures'][number]): NavigationEvaluator =>
      new NavigationEvaluator(expression, node.navigations, context);
    this.#conditions = new Map(node.defines.map(({ variable, condition }) => [variable, evaluator(condition)]));
    this.#measures = node.measures.map(evaluator);
    this.#inOrder = sortOrder(node.keys);
    const keys = node.keys.map((key) => compileExpression(key.expression, context));
    this.#keysOf = (row) => keys.map((key) => key(row.values));
  }

  /** The order of two rows, whenever they came. */
  compareKeys(a: MatchRow, b: MatchRow): number {
    if (a.time !== b.time) return a.time < b.time ? -1 : 1;
    return this.#inOrder(this.#keysOf(a), this.#keysOf(b));
  }

  /** Tries the row at a place as the first of a match. */
  from(rows: MatchRowList, start: number, matchesBefore: number): Found {
    const { withinUs } = this.#node;
    const attempt = this.attempt();
    const letters: RefusedRow[] = [];
    const refuse: RefuseRow = (place, message) => letters.push({ row: rows.at(start + place)!, message });
    const seen = (matchNumber: number): MatchRows => ({ at: (place) => rows.at(start + place)?.values, matchNumber });
    const before = seen(matchesBefore);
    const first = rows.at(start)!;
    let extent: number | undefined;
    while (!attempt.decided) {
      const row = rows.at(start + attempt.rows);
      if (row === undefined) {
        extent = Number.POSITIVE_INFINITY;
        attempt.finish();
      } else if (withinUs !== undefined && row.time - first.time > withinUs) {
        extent = start + attempt.rows + 1;
        attempt.finish();
      } else if (attempt.rows >= MATCH_ROWS_MAX) {
        refuse(0, givenUp(`${MATCH_ROWS_MAX} rows are not enough`));
        attempt.finish();
      } else attempt.feed((labels) => this.holds(labels, before, refuse));
    }
    extent ??= start + attempt.rows;
    const { best, tooMany } = attempt;
    if (tooMany) refuse(0, givenUp('it can be matched in too many ways'));
    if (best === undefined || tooMany) {
      return { extent, next: start + 1, matches: matchesBefore, result: undefined, letters };
    }
    const matches = matchesBefore + 1;
    const values = this.measures(best, seen(matches), refuse);
    const next = start + this.skip(best, refuse);
    const { time } = rows.at(start + best.length - 1)!;
    return { extent, next, matches, result: values === undefined ? undefined : { values, time }, letters };
  }

  attempt(): MatchAttempt {
    return new MatchAttempt(this.#program, this.#forgetful);
  }

  restored(state: AttemptState): MatchAttempt {
    return MatchAttempt.of(this.#program, this.#forgetful, state);
  }

  holds(labels: Label, rows: MatchRows, refuse: RefuseRow): boolean {
    const condition = this.#conditions.get(labels.variable);
    if (condition === undefined) return true;
    try {
      return condition.value(labels, rows) === true;
    } catch (error) {
      refuse(labels.length - 1, `match: condition of ${labels.variable}: ${messageOf(error)}`);
      return false;
    }
  }

  /** Undefined when they have no value: the last row is refused. */
  measures(best: Label, rows: MatchRows, refuse: RefuseRow): readonly unknown[] | undefined {
    try {
      return this.#measures.map((measure) => measure.value(best, rows));
    } catch (error) {
      refuse(best.length - 1, `match: measures: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** How many rows after the first one of this match the next may begin. */
  skip(best: Label, refuse: RefuseRow): number {
    const { afterMatch } = this.#node;
    if (!('variable' in afterMatch)) return afterMatch.kind === 'next-row' ? 1 : best.length;
    let place: number | undefined;
    for (let label: Label | undefined = best; label !== undefined; label = label.before) {
      if (label.variable !== afterMatch.variable) continue;
      place = label.length - 1;
      if (afterMatch.kind === 'last') break;
    }
    if (place !== undefined && place > 0) return place;
    const why = place === undefined ? 'it has no such row' : 'that is where it began';
    refuse(0, `match: after it the next cannot begin at the ${afterMatch.kind} ${afterMatch.variable}: ${why}`);
    return 1;
  }
}

export function givenUp(why: string): string {
  return `match: the attempt that begins with this row was given up: ${why}`;
}
