import type { Connection } from './comparison.ts';
import type { TableStep } from './random-tables.ts';
import { type RelationalCase, runCase } from './relational-case.ts';

/** A smaller case that fails too: one pipeline, and as few steps, crashes and rows as it needs. */
export async function shrunk(
  failing: RelationalCase,
  pipeline: number,
  connection: Connection,
): Promise<RelationalCase> {
  let smallest: RelationalCase = { ...failing, pipelines: [failing.pipelines[pipeline]!] };
  if (!(await fails(smallest, connection))) return smallest;
  const attempt = async (candidate: RelationalCase): Promise<boolean> => {
    if (!(await fails(candidate, connection))) return false;
    smallest = candidate;
    return true;
  };
  for (let again = true; again; ) {
    again = false;
    for (const change of [withoutSteps, calmer, withoutRows]) {
      for (const candidate of change(smallest)) {
        if (await attempt(candidate)) {
          again = true;
          break;
        }
      }
    }
  }
  return smallest;
}

async function fails(candidate: RelationalCase, connection: Connection): Promise<boolean> {
  return (await runCase(candidate, connection)).some(({ kind }) => kind === 'different');
}

const replaced = <T>(items: readonly T[], at: number, ...by: readonly T[]): T[] => [
  ...items.slice(0, at),
  ...by,
  ...items.slice(at + 1),
];

function* withoutSteps(given: RelationalCase): Iterable<RelationalCase> {
  const { steps, views } = { steps: given.steps, views: given.pipelines[0]! };
  if (views.length > 1) yield { ...given, pipelines: [views.slice(0, -1)] };
  if (given.snapshotIntervalMs !== undefined) yield { ...given, snapshotIntervalMs: undefined };
  for (const [at, step] of steps.entries()) {
    if (steps.length > 1) yield { ...given, steps: compared(replaced(steps, at)) };
    const next = steps[at + 1];
    if (next !== undefined && step.crash === 'none') {
      const both: TableStep = { ...next, writes: [...step.writes, ...next.writes] };
      yield { ...given, steps: replaced(replaced(steps, at + 1), at, both) };
    }
  }
}

function* calmer(given: RelationalCase): Iterable<RelationalCase> {
  for (const [at, step] of given.steps.entries()) {
    if (step.crash !== 'none') yield { ...given, steps: replaced(given.steps, at, { ...step, crash: 'none' }) };
  }
  const single = given.tables.map((table) => ({ ...table, partitions: 1 }));
  if (given.tables.some(({ partitions }) => partitions > 1)) {
    const steps = given.steps.map((step) => ({
      ...step,
      writes: step.writes.map((write) => ({ ...write, partition: 0 })),
    }));
    yield { ...given, tables: single, steps };
  }
}

function* withoutRows(given: RelationalCase): Iterable<RelationalCase> {
  for (const [at, step] of given.steps.entries()) {
    for (const [which, write] of step.writes.entries()) {
      yield { ...given, steps: replaced(given.steps, at, { ...step, writes: replaced(step.writes, which) }) };
      const { rows } = write;
      for (let size = rows.length >> 1; size >= 1; size >>= 1) {
        for (let from = 0; from < rows.length; from += size) {
          const kept = { ...write, rows: [...rows.slice(0, from), ...rows.slice(from + size)] };
          if (kept.rows.length === 0) continue;
          yield { ...given, steps: replaced(given.steps, at, { ...step, writes: replaced(step.writes, which, kept) }) };
        }
      }
    }
  }
}

/** The last step compares. */
const compared = (steps: readonly TableStep[]): TableStep[] =>
  steps.map((step, at) => (at === steps.length - 1 ? { ...step, compare: true } : step));
