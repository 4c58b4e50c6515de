import { PHYSICAL_CODE, PHYSICAL_WIDTH, type PhysicalType } from './column.ts';
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
  /** It takes every row of the group, but that a sum may miss some: its count is that of the group's rows. */
  readonly ofRows?: boolean;
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
/** Of a record of sessions. */
const SESSION_HEADER = 40;
/** Of a record of groups: flags and rows; and the window. */
const GROUP_HEADER = 5;
const WINDOW_BYTES = 4;
const DISTINCT_BYTES = 32;
const COUNT_BYTES = 4;
const SUM_BYTES = 6;
const FUNCTION_CODE = { count: 0, 'sum-integer': 1, 'sum-float': 2, min: 3, max: 4, first: 5, last: 6 } as const;
const FLAG = { windowed: 1, changes: 2, retracts: 4, distinct: 8, plain: 16, texts: 32 } as const;
const AGGREGATE_FLAG = { fitsInt8: 1, average: 2, distinct: 4, packed: 8, ofRows: 16 } as const;

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

function isPacked({ function: name }: GroupAggregate): boolean {
  return name === 'count' || name === 'sum-integer';
}

function packedBytes(aggregate: GroupAggregate): number {
  if (!isPacked(aggregate)) return stateBytes(aggregate);
  return (aggregate.function === 'count' ? 0 : SUM_BYTES) + (aggregate.ofRows === true ? 0 : COUNT_BYTES);
}

function flagsOf(aggregate: GroupAggregate): number {
  return (
    (aggregate.fitsInt8 ? AGGREGATE_FLAG.fitsInt8 : 0) |
    (aggregate.average ? AGGREGATE_FLAG.average : 0) |
    (aggregate.distinct ? AGGREGATE_FLAG.distinct : 0)
  );
}

function layoutFlags(layout: GroupLayout): number {
  return (
    (layout.windowed ? FLAG.windowed : 0) |
    (layout.listsChanges ? FLAG.changes : 0) |
    (layout.retracts ? FLAG.retracts : 0) |
    (layout.aggregates.some((aggregate) => aggregate.distinct) ? FLAG.distinct : 0)
  );
}

/** The layouts of keys and aggregates behind the header; what follows is laid out by `words`, which also says where records end. */
function putParts(
  kernel: Kernel,
  { keys, aggregates }: GroupLayout,
  parts: readonly (readonly number[])[],
  header: readonly number[],
): number {
  const address = kernel.exports.allocZeroed(ITEMS + parts.length * PART_BYTES) >>> 0;
  const words = kernel.u32();
  parts.forEach((part, at) => {
    words.set(part, (address + ITEMS + at * PART_BYTES) >>> 2);
  });
  const [recordBytes, flags, emitted, nulls] = header as readonly [number, number, number, number];
  words.set([recordBytes, keys.length, aggregates.length, flags, emitted, nulls], address >>> 2);
  return address;
}

/** Writes the layout of groups to the kernel's memory: assembly/state/group-layout.ts says how. Returns its address. */
export function putGroupLayout(kernel: Kernel, layout: GroupLayout): number {
  const { keys, aggregates } = layout;
  let offset = GROUP_HEADER + (layout.windowed ? WINDOW_BYTES : 0);
  const states = aggregates.map((aggregate) => {
    const packed = isPacked(aggregate) ? AGGREGATE_FLAG.packed : 0;
    const flags = flagsOf(aggregate) | packed | (aggregate.ofRows === true ? AGGREGATE_FLAG.ofRows : 0);
    const part = [FUNCTION_CODE[aggregate.function], offset, flags, PHYSICAL_CODE[aggregate.argument]];
    offset += packedBytes(aggregate) + (aggregate.distinct ? DISTINCT_BYTES : 0);
    return part;
  });
  const emitted = layout.keepsEmitted ? offset : 0;
  if (layout.keepsEmitted) offset += aggregates.length * RESULT_BYTES;
  const nulls = offset;
  let fixed = 0;
  offset += (keys.filter(({ physical }) => physical !== 'str').length + 7) >>> 3;
  const columns = keys.map(({ physical, isBound }) => {
    const isText = physical === 'str';
    const part = [PHYSICAL_CODE[physical], isText ? 0 : offset, isBound ? 0 : 1, isText ? 0 : fixed++];
    offset += isText ? 0 : PHYSICAL_WIDTH[physical];
    return part;
  });
  const isPlain = aggregates.every(
    ({ function: name, argument, distinct, set }) =>
      !distinct &&
      set === undefined &&
      name !== 'sum-float' &&
      (name === 'count' || name === 'sum-integer' || argument !== 'str'),
  );
  const texts = keys.some(({ physical }) => physical === 'str');
  const flags = layoutFlags(layout) | (isPlain ? FLAG.plain : 0) | (texts ? FLAG.texts : 0);
  return putParts(kernel, layout, [...columns, ...states], [offset, flags, emitted, nulls]);
}

/** As {@link putGroupLayout}, of sessions: records get `moreBytes` behind all else. */
export function putSessionLayout(kernel: Kernel, layout: GroupLayout, moreBytes: number): number {
  let offset = SESSION_HEADER;
  const columns = layout.keys.map(({ physical, isBound }) => {
    const part = [PHYSICAL_CODE[physical], offset, isBound ? 0 : 1];
    offset += physical === 'str' ? 16 : 8;
    return part;
  });
  const states = layout.aggregates.map((aggregate) => {
    const part = [FUNCTION_CODE[aggregate.function], offset, flagsOf(aggregate), PHYSICAL_CODE[aggregate.argument]];
    offset += stateBytes(aggregate) + (aggregate.distinct ? DISTINCT_BYTES : 0);
    return part;
  });
  const emitted = layout.keepsEmitted ? offset : 0;
  if (layout.keepsEmitted) offset += layout.aggregates.length * RESULT_BYTES;
  return putParts(kernel, layout, [...columns, ...states], [offset + moreBytes, layoutFlags(layout), emitted, 0]);
}
