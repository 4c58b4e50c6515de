import { PHYSICAL_CODE, type PhysicalType } from './column.ts';
import type { Kernel } from './kernel.ts';

/** What a group keeps of an aggregate. Sums of floats are exact; `min`, `max`, `first` and `last` take nothing back. */
export type GroupFunction = 'count' | 'sum-integer' | 'sum-float' | 'min' | 'max' | 'first' | 'last';

export interface GroupAggregate {
  readonly function: GroupFunction;
  /** Of the argument; of no meaning for `count`. */
  readonly argument: PhysicalType;
  /** A sum of integers that must fit an int8: else the group fails. */
  readonly fitsInt8: boolean;
  /** A sum of doubles is divided by how many there were. */
  readonly average: boolean;
  /** Each value counts once: a set of the values is kept. */
  readonly distinct: boolean;
  /** Counts distinct values in the set of this aggregate, maybe its own ({@link GroupState.countDistinct}). */
  readonly set?: number;
}

/** Counts that share one set of distinct values. */
export const COUNTS_OF_SET_MAX = 32;

export interface GroupKey {
  readonly physical: PhysicalType;
  /** A bound of the window: it follows from the window's end and is not compared. */
  readonly isBound: boolean;
}

export interface GroupLayout {
  readonly keys: readonly GroupKey[];
  readonly aggregates: readonly GroupAggregate[];
  /** Groups belong to windows, and go with them. */
  readonly windowed: boolean;
  /** Changed groups are listed. */
  readonly listsChanges: boolean;
  /** What stands is taken back before something new is emitted. */
  readonly retracts: boolean;
  /** Keeps what was emitted last: needed to take it back. */
  readonly keepsEmitted: boolean;
}

/** A bit per key tells which are null. */
export const GROUP_KEYS_MAX = 32;
/** Two words and a count, as in assembly/state/group-layout.ts. */
export const RESULT_BYTES = 24;

const ITEMS = 32;
const PART_BYTES = 16;
const RECORD_HEADER = 40;
const DISTINCT_BYTES = 32;
const FUNCTION_CODE = { count: 0, 'sum-integer': 1, 'sum-float': 2, min: 3, max: 4, first: 5, last: 6 } as const;
const FLAG = { windowed: 1, changes: 2, retracts: 4, distinct: 8 } as const;
const AGGREGATE_FLAG = { fitsInt8: 1, average: 2, distinct: 4 } as const;

function stateBytes(aggregate: GroupAggregate): number {
  switch (aggregate.function) {
    case 'count':
      return 8;
    case 'sum-integer':
      return 24;
    case 'sum-float':
      return 40;
    default:
      return aggregate.argument === 'str' ? 24 : 16;
  }
}

/**
 * Writes the layout to the kernel's memory: assembly/state/group-layout.ts says how. Records get `moreBytes` behind all else. Returns
 * its address.
 */
export function putLayout(kernel: Kernel, layout: GroupLayout, moreBytes = 0): number {
  const { keys, aggregates } = layout;
  const address = kernel.exports.allocZeroed(ITEMS + (keys.length + aggregates.length) * PART_BYTES) >>> 0;
  const words = kernel.u32();
  let at = (address + ITEMS) >>> 2;
  let offset = RECORD_HEADER;
  for (const { physical, isBound } of keys) {
    words.set([PHYSICAL_CODE[physical], offset, isBound ? 0 : 1], at);
    offset += physical === 'str' ? 16 : 8;
    at += PART_BYTES >>> 2;
  }
  for (const aggregate of aggregates) {
    const flags =
      (aggregate.fitsInt8 ? AGGREGATE_FLAG.fitsInt8 : 0) |
      (aggregate.average ? AGGREGATE_FLAG.average : 0) |
      (aggregate.distinct ? AGGREGATE_FLAG.distinct : 0);
    words.set([FUNCTION_CODE[aggregate.function], offset, flags, PHYSICAL_CODE[aggregate.argument]], at);
    offset += stateBytes(aggregate) + (aggregate.distinct ? DISTINCT_BYTES : 0);
    at += PART_BYTES >>> 2;
  }
  const emitted = layout.keepsEmitted ? offset : 0;
  if (layout.keepsEmitted) offset += aggregates.length * RESULT_BYTES;
  const flags =
    (layout.windowed ? FLAG.windowed : 0) |
    (layout.listsChanges ? FLAG.changes : 0) |
    (layout.retracts ? FLAG.retracts : 0) |
    (aggregates.some((aggregate) => aggregate.distinct) ? FLAG.distinct : 0);
  words.set([offset + moreBytes, keys.length, aggregates.length, flags, emitted], address >>> 2);
  return address;
}
