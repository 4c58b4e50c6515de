import { type ByteReader, type ByteWriter, utf8 } from '../../../base/bytes.ts';
import { murmur3 } from '../../../base/murmur3.ts';
import type { DataType } from '../../../plan/data-type.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import { groupingKey } from '../../../plan/value/value-order.ts';
import type { Accumulator } from './accumulator.ts';
import { DDSketch } from './dd-sketch.ts';
import { HyperLogLog } from './hyperloglog.ts';
import { fractionsOf } from './percentile-accumulator.ts';

/** Of `approx_count_distinct` and `approx_percentile`. */
export function sketchFactory(call: AggregateCall, type: DataType, appendOnly: boolean): () => Accumulator {
  if (call.function === 'approx_percentile') {
    const fraction = fractionsOf(call) as number | null;
    const error = call.extra?.[1];
    const relativeError = error?.kind === 'literal' ? (error.value as number) : Number.NaN;
    return () => new QuantileAccumulator(fraction, new DDSketch(relativeError));
  }
  return appendOnly ? () => new CardinalityAccumulator(type) : () => new RetractableCardinality(type);
}

function placeOf(value: unknown, type: DataType): { readonly register: number; readonly rank: number } {
  return HyperLogLog.placeOf(murmur3(utf8(groupingKey(value, type))));
}

class CardinalityAccumulator implements Accumulator {
  readonly #type: DataType;
  readonly #sketch = new HyperLogLog();

  constructor(type: DataType) {
    this.#type = type;
  }

  add(value: unknown): void {
    if (value === null) return;
    const { register, rank } = placeOf(value, this.#type);
    this.#raise(register, rank);
  }

  #raise(register: number, rank: number): void {
    if (rank > this.#sketch.get(register)) this.#sketch.set(register, rank);
  }

  value(): bigint {
    return BigInt(Math.round(this.#sketch.estimate()));
  }

  merge(other: CardinalityAccumulator): void {
    other.#sketch.forEach((register, rank) => {
      this.#raise(register, rank);
    });
  }

  snapshot(writer: ByteWriter): void {
    this.#sketch.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.#sketch.restore(reader);
  }
}

const RANKS = 64;

/**
 * A HyperLogLog from which rows can be taken back: of each register and rank it counts the rows, so that a register falls to the rank
 * that it would have without them. The estimate is that of the rows that are left, to the last digit. It holds a number for each
 * register and rank that occurs: some hundreds of thousands at most, however many rows there are.
 */
class RetractableCardinality implements Accumulator {
  readonly #type: DataType;
  readonly #sketch = new HyperLogLog();
  readonly #rows = new Map<number, number>();

  constructor(type: DataType) {
    this.#type = type;
  }

  add(value: unknown, weight: number): void {
    if (value === null) return;
    const { register, rank } = placeOf(value, this.#type);
    this.#add(register, rank, weight);
  }

  #add(register: number, rank: number, weight: number): void {
    const place = register * RANKS + rank;
    const count = (this.#rows.get(place) ?? 0) + weight;
    if (count === 0) this.#rows.delete(place);
    else this.#rows.set(place, count);
    const highest = this.#sketch.get(register);
    if (count > 0 && rank > highest) this.#sketch.set(register, rank);
    else if (count <= 0 && rank === highest) this.#sketch.set(register, this.#highestBelow(register, rank));
  }

  #highestBelow(register: number, rank: number): number {
    let lower = rank - 1;
    while (lower > 0 && (this.#rows.get(register * RANKS + lower) ?? 0) <= 0) lower--;
    return lower;
  }

  value(): bigint {
    return BigInt(Math.round(this.#sketch.estimate()));
  }

  merge(other: RetractableCardinality): void {
    for (const [place, count] of other.#rows) this.#add(Math.floor(place / RANKS), place % RANKS, count);
  }

  snapshot(writer: ByteWriter): void {
    writer.varint(this.#rows.size);
    for (const [place, count] of this.#rows) {
      writer.varint(place);
      writer.signedVarint(count);
    }
  }

  restore(reader: ByteReader): void {
    for (let left = reader.unsigned(); left > 0; left--) {
      const place = reader.unsigned();
      this.#add(Math.floor(place / RANKS), place % RANKS, reader.signed());
    }
  }
}

class QuantileAccumulator implements Accumulator {
  readonly #fraction: number | null;
  readonly #sketch: DDSketch;

  constructor(fraction: number | null, sketch: DDSketch) {
    this.#fraction = fraction;
    this.#sketch = sketch;
  }

  add(value: unknown, weight: number): void {
    if (value !== null) this.#sketch.add(value as number, weight);
  }

  value(): unknown {
    return this.#fraction === null ? null : (this.#sketch.quantile(this.#fraction) ?? null);
  }

  merge(other: QuantileAccumulator): void {
    this.#sketch.merge(other.#sketch);
  }

  snapshot(writer: ByteWriter): void {
    this.#sketch.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.#sketch.restore(reader);
  }
}
