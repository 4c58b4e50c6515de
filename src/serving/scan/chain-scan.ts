import type { Batch } from '../../engine/operator/batch.ts';
import type { ExpressionContext } from '../../engine/operator/row-evaluator.ts';
import { type DecodedBatch, ROW_ERRORS } from '../../kernel/json-decoder.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { PlanNode, SourceColumn } from '../../plan/node.ts';
import { topicValues } from '../query-relation.ts';
import { AliveRows } from './alive-rows.ts';
import { RowSteps } from './row-steps.ts';
import { noUserFunction, unreadable } from './scan-error.ts';
import { chainOf, columnsNeeded } from './scan-plan.ts';
import { type ScanStep, scanStep } from './scan-step.ts';
import { TopicColumns } from './topic-columns.ts';

const ABSENT_VALUE = ROW_ERRORS.indexOf('absent_value');

/** What is scanned: filters, projections and windows over a topic. */
export interface ChainSpec {
  readonly topic: string;
  /** Columns of the topic's JSON; those that every topic has follow them. */
  readonly fields: readonly SourceColumn[];
  /** The topmost node of the chain. */
  readonly top: PlanNode;
  /** Its columns that are read. */
  readonly wanted: ReadonlySet<number>;
  readonly nowMs: number;
}

/** Takes what passes the chain: in columns, and single rows that the kernel had refused. */
export interface ScanSink {
  batch(batch: Batch): void;
  row(values: readonly unknown[]): void;
}

/** Record batches of one partition in kernel memory; records outside of [from, to) do not count. */
export interface ScanChunk {
  readonly partition: number;
  readonly address: number;
  readonly length: number;
  readonly from: number;
  readonly to: number;
}

export function scanContext(nowMs: number): ExpressionContext {
  return { clockMs: () => nowMs, userFunction: noUserFunction };
}

/**
 * Reads record batches column by column through the chain: no row is ever made, but for those that the kernel refuses,
 * which pass with the values that a query sees of them.
 */
export class ChainScan {
  readonly #kernel: Kernel;
  readonly #spec: ChainSpec;
  readonly #sink: ScanSink;
  readonly #columns: TopicColumns;
  readonly #steps: readonly ScanStep[];
  readonly #rowSteps: RowSteps;
  readonly #alive = new AliveRows();

  constructor(kernel: Kernel, spec: ChainSpec, sink: ScanSink) {
    this.#kernel = kernel;
    this.#spec = spec;
    this.#sink = sink;
    const chain = chainOf(spec.top);
    const needed = columnsNeeded(spec.top, spec.wanted);
    const context = scanContext(spec.nowMs);
    this.#columns = new TopicColumns(kernel, spec.fields, needed.get(chain[0]!)!);
    this.#steps = chain.slice(1).map((node) => scanStep(kernel, node, needed.get(node)!, context));
    this.#rowSteps = new RowSteps(chain.slice(1), BigInt(spec.nowMs) * 1000n);
  }

  /** @throws HeadraceError what an expression throws; `SERVING_READ_FAILED` */
  process(chunk: ScanChunk): void {
    this.#columns.begin();
    let at = 0;
    while (at < chunk.length) {
      const decoded = this.#columns.decode(chunk.address, chunk.length, at);
      if (decoded.inputError !== undefined)
        throw unreadable(this.#spec.topic, chunk.partition, chunk.from, decoded.inputError.reason);
      if (decoded.rows > 0) this.#processBatch(decoded, chunk);
      if (decoded.consumed <= at) break;
      at = decoded.consumed;
    }
  }

  #processBatch(decoded: DecodedBatch, chunk: ScanChunk): void {
    let batch = this.#within(this.#columns.batchOf(decoded, chunk.partition), decoded, chunk);
    for (const step of this.#steps) batch = step(batch);
    if (batch.selected > 0) this.#sink.batch(batch);
    if (decoded.refused > 0) this.#passRefused(decoded, chunk);
  }

  /** Ranges end in the middle of batches only where the query's own range does. */
  #within(batch: Batch, { facts }: DecodedBatch, chunk: ScanChunk): Batch {
    const kernel = this.#kernel;
    const offsets = kernel.i64();
    const first = Number(offsets[facts.offset / 8]!);
    const last = Number(offsets[facts.offset / 8 + batch.rows - 1]!);
    if (first >= chunk.from && last < chunk.to) return batch;
    const alive = this.#alive;
    alive.take(kernel, batch);
    const selection = kernel.arenaAlloc(Math.max(1, alive.count) * 4);
    const words = kernel.u32();
    let selected = 0;
    for (let i = 0; i < alive.count; i++) {
      const row = alive.rows[i]!;
      const at = Number(kernel.i64()[facts.offset / 8 + row]!);
      if (at >= chunk.from && at < chunk.to) words[(selection >>> 2) + selected++] = row;
    }
    return { ...batch, selection, selected };
  }

  #passRefused(decoded: DecodedBatch, chunk: ScanChunk): void {
    const { facts } = decoded;
    for (let row = 0; row < decoded.rows; row++) {
      if (this.#kernel.u32()[(facts.status >>> 2) + row] === 0) continue;
      const offset = Number(this.#kernel.i64()[facts.offset / 8 + row]!);
      if (offset < chunk.from || offset >= chunk.to) continue;
      const values = this.#rowSteps.pass(this.#refusedValues(decoded, row, chunk.partition, offset));
      if (values !== undefined) this.#sink.row(values);
    }
  }

  #refusedValues(decoded: DecodedBatch, row: number, partition: number, offset: number): readonly unknown[] {
    const kernel = this.#kernel;
    const { facts } = decoded;
    const timestamp = Number(kernel.i64()[facts.timestamp / 8 + row]!);
    const noKey = kernel.u8()[facts.key.nulls + row] === 1;
    const key = noKey ? null : kernel.textOfReference(facts.key.data + 16 * row);
    const absent = kernel.u32()[(facts.status >>> 2) + row] === ABSENT_VALUE;
    const text = absent ? null : Buffer.from(this.#columns.valueOf(decoded, row)).toString('utf8');
    return topicValues({ partition, offset, timestamp, key, text }, this.#spec.fields);
  }
}
