import type { PipelineVerdict } from './relational-case.ts';

/** What a run has compared so far. */
export interface Tally {
  readonly rounds: number;
  readonly pairs: number;
  readonly comparisons: number;
  readonly rows: number;
  readonly unsupported: number;
  readonly failures: number;
  /** Pairs by what they are made of. */
  readonly operators: Readonly<Record<string, number>>;
  /** Pipelines that do not run as streams, by reason. */
  readonly reasons: Readonly<Record<string, number>>;
}

const REASON_LENGTH_MAX = 100;

export const EMPTY_TALLY: Tally = {
  rounds: 0,
  pairs: 0,
  comparisons: 0,
  rows: 0,
  unsupported: 0,
  failures: 0,
  operators: {},
  reasons: {},
};

export function tallied(verdict: PipelineVerdict, operators: readonly string[]): Tally {
  if (verdict.kind === 'unsupported') {
    const reason = verdict.reason.replace(/at \d+:\d+/, '').slice(0, REASON_LENGTH_MAX);
    return { ...EMPTY_TALLY, unsupported: 1, reasons: { [reason]: 1 } };
  }
  return {
    ...EMPTY_TALLY,
    pairs: 1,
    comparisons: verdict.kind === 'equal' ? verdict.comparisons : 0,
    rows: verdict.kind === 'equal' ? verdict.rows : 0,
    failures: verdict.kind === 'different' ? 1 : 0,
    operators: Object.fromEntries([...new Set(operators)].map((operator) => [operator, 1])),
  };
}

export function added(a: Tally, b: Tally): Tally {
  return {
    rounds: a.rounds + b.rounds,
    pairs: a.pairs + b.pairs,
    comparisons: a.comparisons + b.comparisons,
    rows: a.rows + b.rows,
    unsupported: a.unsupported + b.unsupported,
    failures: a.failures + b.failures,
    operators: addedCounts(a.operators, b.operators),
    reasons: addedCounts(a.reasons, b.reasons),
  };
}

function addedCounts(a: Tally['operators'], b: Tally['operators']): Tally['operators'] {
  const sum: Record<string, number> = { ...a };
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

/** The largest counts first. */
export function sorted(counts: Tally['operators']): Tally['operators'] {
  return Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a));
}
