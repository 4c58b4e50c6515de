import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Column } from '../../plan/data-type.ts';
import type { Asking } from '../effect/effect.ts';
import type { Batch } from './batch.ts';

/** Receives the rows of an operator. */
export type Emit = (batch: Batch) => void;

/** When an operator hands on its results: changes at the end of each epoch, or each result once, when its window closes. */
export type EmitMoment = 'updates' | 'final';

/** What an operator may use; the same in a worker thread, on the main thread and in tests. */
export interface OperatorContext {
  readonly kernel: Kernel;
  /** Hands rows to all that follow. */
  readonly emit: Emit;
  /** Puts one row to the dead letters of this epoch. */
  readonly deadLetter: (letter: RowLetter) => void;
  /** Wall clock of the epoch that runs, milliseconds. */
  readonly clockMs: () => number;
}

/** A row that cannot be processed. */
export interface RowLetter {
  readonly reason: 'late' | 'future' | 'malformed' | 'expression' | 'user-function' | 'lookup' | 'no-event-time';
  readonly message: string;
  readonly batch: Batch;
  readonly row: number;
  /** Which input of the operator the batch has the columns of; 0 without it. */
  readonly input?: number;
  /** The columns of the batch, when it is of no input: pairs of a join. */
  readonly columns?: readonly Column[];
}

/** A snapshot whose parts are written between epochs; what changes meanwhile is kept as it was when it began. */
export interface StagedSnapshot {
  /** It holds only what has changed since the snapshot before: its parts are restored after those of that one. */
  readonly isDelta?: boolean;
  /** Writes the next part, each for one call of `restore`, in order; false when there is none left. */
  next(writer: ByteWriter): boolean;
  /** It is complete or given up: changes need not be kept apart any more. */
  end(): void;
}

/** One step of a pipeline. Batches die when `processBatch` returns: state copies what it keeps. */
export interface Operator {
  open(context: OperatorContext): void;
  /** Of an operator whose results come from outside of the task. */
  readonly asking?: Asking;
  /** `input` tells the inputs of a join apart; 0 for all others. */
  processBatch(batch: Batch, input: number): void;
  /** Every row of the epoch has been seen: changes are emitted. */
  endEpoch(): void;
  /** Event time has reached `watermark` (µs); after `endEpoch`. Closes windows, drops state. */
  onWatermark(watermark: bigint): void;
  /** How far those that follow may trust event time, given the operator's own watermark: less for one that still holds rows back. */
  outputWatermark?(watermark: bigint): bigint;
  /** Wall clock (milliseconds) at which `endEpoch` would do something without any input; undefined for none. */
  nextClockMs?(): number | undefined;
  /** The next event time at which `onWatermark` would do something; undefined for none. */
  nextTimer(): bigint | undefined;
  /** The input has ended for now (a bounded run, or a test): what waits for the clock need not wait. Before the next `endEpoch`. */
  endInput?(): void;
  /** What waits for the wall clock comes out with the next `endEpoch`. */
  flush?(): void;
  snapshot(writer: ByteWriter): void;
  /**
   * As `snapshot`, in parts that take a few milliseconds each; for operators whose state grows large. With `delta`, one that says so holds
   * only what has changed since the last began: that was kept, or the operator was restored from it.
   */
  stageSnapshot?(delta: boolean): StagedSnapshot;
  restore(reader: ByteReader): void;
  close(): void;
  state(): { readonly keys: number; readonly bytes: number };
}

/** An operator that keeps nothing between batches. */
export abstract class StatelessOperator implements Operator {
  #context: OperatorContext | undefined;

  protected get context(): OperatorContext {
    return this.#context!;
  }

  open(context: OperatorContext): void {
    this.#context = context;
  }

  abstract processBatch(batch: Batch, input: number): void;
  endEpoch(): void {}
  onWatermark(): void {}
  nextTimer(): bigint | undefined {
    return undefined;
  }
  snapshot(): void {}
  restore(): void {}
  close(): void {}
  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: 0, bytes: 0 };
  }
}
