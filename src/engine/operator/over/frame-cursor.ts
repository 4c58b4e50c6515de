import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { Accumulator } from '../aggregate/accumulator.ts';
import type { CallInputs } from '../aggregate/call-inputs.ts';
import type { Span } from './frame.ts';
import type { OverRow, OverRows } from './over-row.ts';

export interface CursorSpec {
  /** The place of the call's arguments among those of a row. */
  readonly call: number;
  /** Rows must be given in their order: each frame is taken anew. */
  readonly ordered: boolean;
  /** Frames begin with the first row of all: rows that are dropped stay in the accumulator. */
  readonly isRunning: boolean;
}

/**
 * The accumulator of one aggregate over the last frame that was asked for. Frames of neighbouring rows differ by few rows, which are
 * given and taken back; rows that come and go in between are followed.
 */
export class FrameCursor {
  readonly #inputs: CallInputs;
  readonly #make: () => Accumulator;
  readonly #spec: CursorSpec;
  #accumulator: Accumulator;
  #start = 0;
  #end = 0;

  constructor(inputs: CallInputs, make: () => Accumulator, spec: CursorSpec) {
    this.#inputs = inputs;
    this.#make = make;
    this.#spec = spec;
    this.#accumulator = make();
  }

  #give(row: OverRow, weight: 1 | -1): void {
    this.#inputs.apply([this.#accumulator], row.args[this.#spec.call]!, weight);
  }

  /** A row has come to this position. */
  inserted(row: OverRow, position: number): void {
    if (position >= this.#end) return;
    this.#end++;
    if (position <= this.#start && this.#start > 0) this.#start++;
    else this.#give(row, 1);
  }

  /** The row has gone from this position. */
  removed(row: OverRow, position: number): void {
    if (position >= this.#end) return;
    this.#end--;
    if (position < this.#start) this.#start--;
    else this.#give(row, -1);
  }

  /** The first rows are about to go, and are in every frame to come, or in none. */
  drop(rows: OverRows, count: number): void {
    if (this.#spec.isRunning) {
      while (this.#end < count) this.#give(rows.at(this.#end++)!, 1);
    } else if (this.#start < count) {
      this.#accumulator = this.#make();
      this.#start = count;
      this.#end = count;
    }
    this.#start = Math.max(0, this.#start - count);
    this.#end = Math.max(0, this.#end - count);
  }

  /** The result over a frame. `dropped`: rows were dropped, which an accumulator that runs on has, and no other could get. */
  value(rows: OverRows, { start, end }: Span, dropped: boolean): unknown {
    const moves = Math.abs(start - this.#start) + Math.abs(end - this.#end);
    const canRenew = !(dropped && this.#spec.isRunning);
    if (canRenew && (this.#spec.ordered || moves > end - start)) {
      this.#accumulator = this.#make();
      this.#start = start;
      this.#end = start;
    }
    while (this.#start > start) this.#give(rows.at(--this.#start)!, 1);
    while (this.#end < end) this.#give(rows.at(this.#end++)!, 1);
    while (this.#start < start) this.#give(rows.at(this.#start++)!, -1);
    while (this.#end > end) this.#give(rows.at(--this.#end)!, -1);
    return this.#accumulator.value();
  }

  /** Only what cannot be had from the rows. */
  snapshot(writer: ByteWriter): void {
    if (!this.#spec.isRunning) return;
    writer.u64(this.#start);
    writer.u64(this.#end);
    this.#accumulator.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    if (!this.#spec.isRunning) return;
    this.#start = reader.u64();
    this.#end = reader.u64();
    this.#accumulator = this.#make();
    this.#accumulator.restore(reader);
  }
}
