import { valueReader } from '../../engine/operator/column-access.ts';
import { type ColumnVector, physicalOf } from '../../kernel/column.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { DataType } from '../../plan/data-type.ts';
import { outOfRange } from '../../plan/evaluation-error.ts';
import type { AggregateCall } from '../../plan/node.ts';
import { Decimal } from '../../plan/value/decimal.ts';
import { valueOrder } from '../../plan/value/value-order.ts';
import { textToValue, valueToText } from '../../plan/value/value-text.ts';
import type { AliveRows } from './alive-rows.ts';
import { GrowingNumbers } from './growing-numbers.ts';

/** The rows of a batch with their groups, and what an aggregate reads of them. */
export interface AggregateInput {
  readonly kernel: Kernel;
  readonly alive: AliveRows;
  /** Group of each row that is alive. */
  readonly ids: Int32Array;
  /** Groups so far. */
  readonly groups: number;
  readonly argument: ColumnVector | undefined;
  /** Rows for which it is not true do not count. */
  readonly filter: ColumnVector | undefined;
}

/** What a scan of a part of the input found, group by group: plain data, to be sent between threads. */
export type AggregatePartial = readonly (Float64Array | readonly (string | null)[])[];

/** One aggregate over all groups. */
export interface ScanAggregate {
  update(input: AggregateInput): void;
  /** Adds one value that is not null; for `count(*)` any. */
  add(group: number, value: unknown): void;
  partial(groups: number): AggregatePartial;
  /** `ids[i]` is the group here of group i of the partial. */
  merge(partial: AggregatePartial, ids: Int32Array, groups: number): void;
  /** The result with PostgreSQL's type. */
  value(group: number): unknown;
}

export function scanAggregate(call: AggregateCall): ScanAggregate {
  const type = call.argument?.type;
  if (type === undefined || call.function === 'count') return new CountAggregate();
  if (call.function === 'min' || call.function === 'max') return new ExtremeAggregate(type, call.function);
  if (type.kind === 'float4' || type.kind === 'float8') return new FloatAggregate(call);
  return new ExactAggregate(call, type);
}

/** Calls back for each row that counts: its row number and its group. */
function eachRow(input: AggregateInput, visit: (row: number, group: number) => void): void {
  const { kernel, alive, ids, argument, filter } = input;
  const nulls = argument?.nulls ?? 0;
  for (let i = 0; i < alive.count; i++) {
    const row = alive.rows[i]!;
    if (nulls !== 0 && kernel.u8()[nulls + row] === 1) continue;
    if (filter !== undefined && !isTrue(kernel, filter, row)) continue;
    visit(row, ids[i]!);
  }
}

function isTrue(kernel: Kernel, { data, nulls }: ColumnVector, row: number): boolean {
  return (nulls === 0 || kernel.u8()[nulls + row] === 0) && kernel.i32()[(data >>> 2) + row] === 1;
}

class CountAggregate implements ScanAggregate {
  readonly #counts = new GrowingNumbers();

  update(input: AggregateInput): void {
    this.#counts.reserve(input.groups);
    const { values } = this.#counts;
    if (input.argument === undefined && input.filter === undefined) {
      const { ids, alive } = input;
      for (let i = 0; i < alive.count; i++) values[ids[i]!]! += 1;
      return;
    }
    eachRow(input, (_, group) => {
      values[group]! += 1;
    });
  }

  add(group: number): void {
    this.#counts.reserve(group + 1);
    this.#counts.values[group]! += 1;
  }

  partial(groups: number): AggregatePartial {
    return [this.#counts.taken(groups)];
  }

  merge([counts]: AggregatePartial, ids: Int32Array, groups: number): void {
    this.#counts.reserve(groups);
    ids.forEach((id, at) => {
      this.#counts.values[id]! += (counts as Float64Array)[at]!;
    });
  }

  value(group: number): bigint {
    return BigInt(this.#counts.values[group] ?? 0);
  }
}

/** Sums of doubles with the rounding errors carried along (A. Neumaier, 1974), so that the parts of a scan give what the whole gives, to the last digit or so. */
class FloatAggregate implements ScanAggregate {
  readonly #average: boolean;
  readonly #single: boolean;
  readonly #sums = new GrowingNumbers();
  readonly #errors = new GrowingNumbers();
  readonly #counts = new GrowingNumbers();

  constructor(call: AggregateCall) {
    this.#average = call.function === 'avg';
    this.#single = call.type.kind === 'float4';
  }

  update(input: AggregateInput): void {
    this.#reserve(input.groups);
    const data = (input.argument?.data ?? 0) / 8;
    const doubles = input.kernel.f64();
    eachRow(input, (row, group) => this.#plus(group, doubles[data + row]!, 1));
  }

  add(group: number, value: unknown): void {
    this.#reserve(group + 1);
    this.#plus(group, value as number, 1);
  }

  partial(groups: number): AggregatePartial {
    return [this.#sums.taken(groups), this.#errors.taken(groups), this.#counts.taken(groups)];
  }

  merge(partial: AggregatePartial, ids: Int32Array, groups: number): void {
    const [sums, errors, counts] = partial as readonly Float64Array[];
    this.#reserve(groups);
    ids.forEach((id, at) => {
      this.#plus(id, sums![at]!, counts![at]!);
      this.#errors.values[id]! += errors![at]!;
    });
  }

  value(group: number): unknown {
    const count = this.#counts.values[group] ?? 0;
    if (count === 0) return null;
    const sum = this.#sums.values[group]!;
    const whole = Number.isFinite(sum) ? sum + this.#errors.values[group]! : sum;
    const result = this.#average ? whole / count : whole;
    return this.#single ? Math.fround(result) : result;
  }

  #plus(group: number, value: number, count: number): void {
    const sums = this.#sums.values;
    const before = sums[group]!;
    const after = before + value;
    sums[group] = after;
    this.#errors.values[group]! +=
      Math.abs(before) >= Math.abs(value) ? before - after + value : value - after + before;
    this.#counts.values[group]! += count;
  }

  #reserve(groups: number): void {
    this.#sums.reserve(groups);
    this.#errors.reserve(groups);
    this.#counts.reserve(groups);
  }
}

/** A double holds integers up to 2^53: what would not fit goes to bigints. */
const SMALL_SUM_MAX = 2 ** 52;
const INT8_MAX = 2n ** 63n - 1n;
const NUMERIC_BYTES_SMALL = 15;

/**
 * Sums of integers and numerics, exact: each group has, by scale, a small sum in a double and a large one in a bigint that
 * takes what the small one cannot hold.
 */
class ExactAggregate implements ScanAggregate {
  readonly #call: AggregateCall;
  readonly #type: DataType;
  readonly #counts = new GrowingNumbers();
  readonly #small = new Map<number, GrowingNumbers>();
  readonly #large = new Map<number, Decimal>();
  #scales: GrowingNumbers;

  constructor(call: AggregateCall, type: DataType) {
    this.#call = call;
    this.#type = type;
    this.#scales = new GrowingNumbers();
  }

  update(input: AggregateInput): void {
    this.#reserve(input.groups);
    const data = input.argument?.data ?? 0;
    const physical = physicalOf(this.#type);
    if (physical === 'i32') {
      const sums = this.#sumsOf(0, input.groups);
      const words = input.kernel.i32();
      eachRow(input, (row, group) => this.#plus(sums, 0, group, words[(data >>> 2) + row]!));
    } else if (physical === 'i64') this.#updateLongs(input, data);
    else this.#updateTexts(input, data);
  }

  add(group: number, value: unknown): void {
    this.#reserve(group + 1);
    this.#counts.values[group]! += 1;
    this.#addLarge(group, value instanceof Decimal ? value : Decimal.of(value as bigint | number));
  }

  partial(groups: number): AggregatePartial {
    const totals: (string | null)[] = [];
    for (let group = 0; group < groups; group++) totals.push(this.#total(group)?.toString() ?? null);
    return [this.#counts.taken(groups), totals];
  }

  merge([counts, totals]: AggregatePartial, ids: Int32Array, groups: number): void {
    this.#reserve(groups);
    ids.forEach((id, at) => {
      this.#counts.values[id]! += (counts as Float64Array)[at]!;
      const total = totals![at] as string | null;
      if (total !== null) this.#addLarge(id, Decimal.parse(total));
    });
  }

  value(group: number): unknown {
    const sum = this.#total(group);
    if (sum === undefined) return null;
    if (this.#call.function === 'avg') return sum.divide(Decimal.of(this.#counts.values[group]!));
    if (this.#call.type.kind === 'numeric') return sum;
    if (sum.unscaled > INT8_MAX || sum.unscaled < -INT8_MAX - 1n) throw outOfRange('bigint');
    return sum.unscaled;
  }

  #updateLongs(input: AggregateInput, data: number): void {
    const scale = this.#type.kind === 'numeric' ? (this.#type.scale ?? 0) : 0;
    const sums = this.#sumsOf(scale, input.groups);
    const words = input.kernel.i32();
    const longs = input.kernel.i64();
    eachRow(input, (row, group) => {
      const high = words[(data >>> 2) + 2 * row + 1]!;
      const value = high * 0x1_0000_0000 + (words[(data >>> 2) + 2 * row]! >>> 0);
      if (value > SMALL_SUM_MAX || value < -SMALL_SUM_MAX) {
        this.#counts.values[group]! += 1;
        this.#addLarge(group, new Decimal(longs[data / 8 + row]!, scale));
      } else this.#plus(sums, scale, group, value);
    });
  }

  /** Numerics without a declared precision stand there as text. */
  #updateTexts(input: AggregateInput, data: number): void {
    const bytes = input.kernel.u8();
    const words = input.kernel.u32();
    const read = valueReader(input.kernel, this.#type);
    eachRow(input, (row, group) => {
      const reference = (data >>> 2) + 4 * row;
      const length = words[reference]!;
      if (length <= NUMERIC_BYTES_SMALL && this.#addText(bytes, words[reference + 2]!, length, group)) return;
      this.#counts.values[group]! += 1;
      this.#addLarge(group, read(input.argument!, row) as Decimal);
    });
  }

  /** Digits with at most one point; false for any other form. */
  #addText(bytes: Uint8Array, start: number, length: number, group: number): boolean {
    const negative = bytes[start] === 45;
    let value = 0;
    let scale = -1;
    for (let at = negative ? start + 1 : start; at < start + length; at++) {
      const digit = bytes[at]! - 48;
      if (digit >= 0 && digit <= 9) {
        value = value * 10 + digit;
        if (scale >= 0) scale++;
      } else if (digit === -2 && scale < 0) scale = 0;
      else return false;
    }
    const places = Math.max(scale, 0);
    this.#plus(this.#sumsOf(places, this.#counts.values.length), places, group, negative ? -value : value);
    return true;
  }

  #plus(sums: GrowingNumbers, scale: number, group: number, value: number): void {
    this.#counts.values[group]! += 1;
    const before = sums.values[group]!;
    const sum = before + value;
    if (scale > this.#scales.values[group]!) this.#scales.values[group] = scale;
    if (sum <= SMALL_SUM_MAX && sum >= -SMALL_SUM_MAX) {
      sums.values[group] = sum;
      return;
    }
    sums.values[group] = value;
    this.#addLarge(group, new Decimal(BigInt(before), scale));
  }

  #addLarge(group: number, value: Decimal): void {
    this.#large.set(group, this.#large.get(group)?.add(value) ?? value);
  }

  /** Undefined when nothing was added. */
  #total(group: number): Decimal | undefined {
    if ((this.#counts.values[group] ?? 0) === 0) return undefined;
    let total = this.#large.get(group) ?? new Decimal(0n, this.#scales.values[group]!);
    for (const [scale, sums] of this.#small) {
      const sum = sums.values[group] ?? 0;
      if (sum !== 0) total = total.add(new Decimal(BigInt(sum), scale));
    }
    const scale = this.#scales.values[group]!;
    return total.scale >= scale ? total : total.add(new Decimal(0n, scale));
  }

  #sumsOf(scale: number, groups: number): GrowingNumbers {
    let sums = this.#small.get(scale);
    if (sums === undefined) {
      sums = new GrowingNumbers();
      this.#small.set(scale, sums);
    }
    sums.reserve(groups);
    return sums;
  }

  #reserve(groups: number): void {
    this.#counts.reserve(groups);
    this.#scales.reserve(groups);
  }
}

class ExtremeAggregate implements ScanAggregate {
  readonly #type: DataType;
  readonly #order: (a: unknown, b: unknown) => number;
  readonly #best: unknown[] = [];

  constructor(type: DataType, which: 'min' | 'max') {
    this.#type = type;
    const order = valueOrder(type);
    this.#order = which === 'max' ? order : (a, b) => order(b, a);
  }

  update(input: AggregateInput): void {
    const read = valueReader(input.kernel, this.#type);
    eachRow(input, (row, group) => this.add(group, read(input.argument!, row)));
  }

  add(group: number, value: unknown): void {
    const best = this.#best[group];
    if (best === undefined || this.#order(value, best) > 0) this.#best[group] = value;
  }

  partial(groups: number): AggregatePartial {
    return [
      Array.from({ length: groups }, (_, group) => {
        const best = this.#best[group];
        return best === undefined ? null : valueToText(best, this.#type);
      }),
    ];
  }

  merge([texts]: AggregatePartial, ids: Int32Array): void {
    ids.forEach((id, at) => {
      const text = texts![at] as string | null;
      if (text !== null) this.add(id, textToValue(text, this.#type));
    });
  }

  value(group: number): unknown {
    return this.#best[group] ?? null;
  }
}
