import type { TypedColumn } from './random-expression.ts';
import type { RandomSource } from './random-source.ts';

/** Every table has these columns. */
export const TABLE_COLUMNS: readonly TypedColumn[] = [
  { name: 'k', type: 'int4' },
  { name: 's', type: 'text' },
  { name: 'i', type: 'int4' },
  { name: 'l', type: 'int8' },
  { name: 'f', type: 'float8' },
  { name: 'd', type: 'numeric' },
  { name: 'b', type: 'boolean' },
];

/** A table with a primary key, beside the tables of events: it has `id` too. */
export const KEYED_TABLE = 'u';
export const KEYED_COLUMNS: readonly TypedColumn[] = [{ name: 'id', type: 'int4' }, ...TABLE_COLUMNS];

/** In the keyed table a row takes the place of the one with its `id`; `deleted` takes that away. */
export type TableRow = Readonly<Record<string, unknown>>;

/** What is written between two commits at which results are compared, and what happens after it. */
export interface TableStep {
  readonly writes: readonly {
    readonly table: string;
    readonly partition: number;
    readonly rows: readonly TableRow[];
  }[];
  readonly compare: boolean;
  /** The process dies after it (with the machine: what was not synced is lost) and starts again. */
  readonly crash: 'none' | 'process' | 'machine';
}

export interface RandomTables {
  readonly tables: readonly { readonly name: string; readonly partitions: number }[];
  readonly steps: readonly TableStep[];
  readonly snapshotIntervalMs: number | undefined;
}

const WORDS = ['alpha', 'beta', 'a', '', 'éclair', 'a%b_c'];
const NAMES = ['a', 'b', 'c'];
const IDS = 8;

/** Rows of few keys, full of nulls and duplicates; in the keyed table they change and go. */
export function randomTables(random: RandomSource): RandomTables {
  const tables = [...NAMES, KEYED_TABLE].map((name) => ({ name, partitions: random.pick([1, 1, 2]) }));
  const orNull = (value: unknown): unknown => (random.chance(0.15) ? null : value);
  const sent: TableRow[] = [];
  const row = (): TableRow => {
    if (sent.length > 0 && random.chance(0.15)) return random.pick(sent);
    const made = {
      k: orNull(random.below(5)),
      s: orNull(random.pick(WORDS)),
      i: orNull(random.below(21) - 10),
      l: orNull((random.below(9) - 4) * 1_000_003),
      f: orNull(random.pick([0, '-0', 0.25, -0.25, 1.5, -2.75, 100, 'NaN', 'Infinity', '-Infinity'])),
      d: orNull((random.below(401) - 200) / 100),
      b: orNull(random.chance(0.5)),
    };
    sent.push(made);
    return made;
  };
  const count = 1 + random.below(5);
  const steps = Array.from({ length: count }, (_, step): TableStep => {
    const writes = tables
      // A pipeline runs its first epoch when there is something to read.
      .filter(() => step === 0 || random.chance(0.7))
      .map(({ name, partitions }) => {
        const partition = random.below(partitions);
        const change = (): TableRow => {
          // A key keeps to its partition.
          const id = partition + partitions * random.below(IDS);
          return step > 0 && random.chance(0.3) ? { id, deleted: true } : { id, ...row() };
        };
        const made = name === KEYED_TABLE ? change : row;
        return {
          table: name,
          partition,
          rows: Array.from({ length: 1 + random.below(random.pick([2, 6, 12])) }, made),
        };
      });
    const crash = random.chance(0.2) ? random.pick(['process', 'machine'] as const) : 'none';
    return { writes, compare: step === count - 1 || random.chance(0.5), crash };
  });
  return { tables, steps, snapshotIntervalMs: random.chance(0.5) ? 1 : undefined };
}
