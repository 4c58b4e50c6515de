import type { Batch } from '../../engine/batch.ts';
import { ColumnEvaluator } from '../../engine/column-evaluator.ts';
import type { ExpressionContext } from '../../engine/row-evaluator.ts';
import { type DecodedBatch, ROW_ERRORS } from '../../kernel/json-decoder.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { AggregateNode, SourceColumn } from '../../plan/node.ts';
import { valueToText } from '../../plan/value-text.ts';
import { SCAN_GROUPS_MAX } from '../limits.ts';
import { topicValues } from '../query-relation.ts';
import { chainOf, columnsNeededBelow, expressionsOf } from './aggregate-scan.ts';
import { AliveRows } from './alive-rows.ts';
import { KernelGroups } from './kernel-groups.ts';
import { RowChain } from './row-chain.ts';
import { type AggregatePartial, type ScanAggregate, scanAggregate } from './scan-aggregate.ts';
import { noUserFunction, tooManyGroups, unreadable } from './scan-error.ts';
import { ScanGroups } from './scan-groups.ts';
import { type ScanStep, scanStep } from './scan-step.ts';
import { TopicColumns } from './topic-columns.ts';

export interface TopicAggregationSpec {
  readonly aggregate: AggregateNode;
  /** Columns of the topic's JSON; those that every topic has follow them. */
  readonly fields: readonly SourceColumn[];
  readonly topic: string;
  readonly nowMs: number;
}

/** What one part of a scan found: plain data. */
export interface ScanPartial {
  readonly groups: number;
  /** By grouping column: the values as text, null for NULL. */
  readonly keys: readonly (readonly (string | null)[])[];
  readonly aggregates: readonly AggregatePartial[];
}

/** Record batches of one partition in kernel memory; records outside of [from, to) do not count. */
export interface ScanChunk {
  readonly partition: number;
  readonly address: number;
  readonly length: number;
  readonly from: number;
  readonly to: number;
}

const ABSENT_VALUE = ROW_ERRORS.indexOf('absent_value');

/**
 * Aggregates record batches as they are read, column by column: no row is ever made, but for those that the kernel refuses,
 * which count with the values that a query sees of them.
 */
export class TopicAggregation {
  readonly #kernel: Kernel;
  readonly #spec: TopicAggregationSpec;
  readonly #columns: TopicColumns;
  readonly #steps: readonly ScanStep[];
  readonly #evaluator: ColumnEvaluator;
  readonly #groups: ScanGroups;
  readonly #aggregates: readonly ScanAggregate[];
  /** Groups in the kernel; undefined when it has no place for their types. */
  readonly #kernelGroups: KernelGroups | undefined;
  readonly #alive = new AliveRows();
  readonly #rows: RowChain;

  constructor(kernel: Kernel, spec: TopicAggregationSpec) {
    this.#kernel = kernel;
    this.#spec = spec;
    const { aggregate, fields, nowMs } = spec;
    const context: ExpressionContext = { clockMs: () => nowMs, userFunction: noUserFunction };
    const needed = columnsNeededBelow(aggregate);
    const chain = chainOf(aggregate);
    this.#columns = new TopicColumns(kernel, fields, needed.get(chain[0]!)!);
    this.#steps = chain.slice(1).map((node) => scanStep(kernel, node, needed.get(node)!, context));
    this.#evaluator = new ColumnEvaluator(kernel, aggregate.input.columns, expressionsOf(aggregate), context);
    this.#kernelGroups = KernelGroups.create(kernel, aggregate, context);
    this.#groups = new ScanGroups(aggregate.groups.map((group) => group.type));
    this.#aggregates = aggregate.aggregates.map(scanAggregate);
    this.#rows = new RowChain(aggregate, BigInt(nowMs) * 1000n);
  }

  /** @throws HeadraceError what an expression throws; `SERVING_QUERY_MEMORY` when there are too many groups */
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

  partials(): readonly ScanPartial[] {
    const partial = this.#rowPartial();
    return this.#kernelGroups === undefined ? [partial] : [this.#kernelGroups.partial(), partial];
  }

  #rowPartial(): ScanPartial {
    const groups = this.#groups.size;
    const types = this.#spec.aggregate.groups.map((group) => group.type);
    const keys = types.map(() => new Array<string | null>(groups));
    for (let group = 0; group < groups; group++) {
      this.#groups.valuesOf(group).forEach((value, at) => {
        keys[at]![group] = value === null ? null : valueToText(value, types[at]!);
      });
    }
    const aggregates = this.#aggregates.map((aggregate) => aggregate.partial(groups));
    return { groups, keys, aggregates };
  }

  #processBatch(decoded: DecodedBatch, chunk: ScanChunk): void {
    const read = this.#within(this.#columns.batchOf(decoded, chunk.partition), decoded, chunk);
    let batch = read;
    for (const step of this.#steps) batch = step(batch);
    if (batch.selected > 0) this.#add(batch);
    if (decoded.refused > 0) this.#addRefused(decoded, chunk);
    if (this.#groups.size + (this.#kernelGroups?.size ?? 0) > SCAN_GROUPS_MAX) throw tooManyGroups();
  }

  #add(batch: Batch): void {
    const kernel = this.#kernel;
    const { columns, failures } = this.#evaluator.evaluate(batch);
    if (failures.length > 0) throw failures[0]!.error;
    if (this.#kernelGroups !== undefined) {
      this.#kernelGroups.add(batch, columns);
      return;
    }
    this.#alive.take(kernel, batch);
    const { groups: groupExpressions, aggregates } = this.#spec.aggregate;
    this.#groups.assign(kernel, this.#alive, columns);
    let argumentAt = groupExpressions.length;
    let filterAt = argumentAt + aggregates.filter((call) => call.argument !== undefined).length;
    aggregates.forEach((call, index) => {
      this.#aggregates[index]!.update({
        kernel,
        alive: this.#alive,
        ids: this.#groups.ids,
        groups: this.#groups.size,
        argument: call.argument === undefined ? undefined : columns[argumentAt++],
        filter: call.filter === undefined ? undefined : columns[filterAt++],
      });
    });
  }

  /** Ranges end in the middle of batches only where the query's own range does. */
  #within(batch: Batch, { facts }: DecodedBatch, chunk: ScanChunk): Batch {
    const kernel = this.#kernel;
    const offsets = kernel.i64();
    const first = Number(offsets[facts.offset / 8]!);
    const last = Number(offsets[facts.offset / 8 + batch.rows - 1]!);
    if (first >= chunk.from && last < chunk.to) return batch;
    const alive = new AliveRows();
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

  #addRefused(decoded: DecodedBatch, chunk: ScanChunk): void {
    const kernel = this.#kernel;
    const { facts } = decoded;
    const { aggregates } = this.#spec.aggregate;
    for (let row = 0; row < decoded.rows; row++) {
      if (kernel.u32()[(facts.status >>> 2) + row] === 0) continue;
      const offset = Number(kernel.i64()[facts.offset / 8 + row]!);
      if (offset < chunk.from || offset >= chunk.to) continue;
      const results = this.#rows.evaluate(this.#refusedValues(decoded, row, chunk.partition, offset));
      if (results === undefined) continue;
      const group = this.#groups.idOf(results.groups);
      aggregates.forEach((call, index) => {
        const { argument, counted } = results.calls[index]!;
        if (counted && (call.argument === undefined || argument !== null)) {
          this.#aggregates[index]!.add(group, argument);
        }
      });
    }
  }

  #refusedValues(decoded: DecodedBatch, row: number, partition: number, offset: number): readonly unknown[] {
    const kernel = this.#kernel;
    const { facts } = decoded;
    const timestamp = Number(kernel.i64()[facts.timestamp / 8 + row]!);
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
    const noKey = kernel.u8()[facts.key.nulls + row] === 1;
    const key = noKey ? null : kernel.textOfReference(facts.key.data + 16 * row);
    const absent = kernel.u32()[(facts.status >>> 2) + row] === ABSENT_VALUE;
    const value = absent ? null : text(this.#columns.valueOf(decoded, row));
    return topicValues({ partition, offset, timestamp, key, text: value }, this.#spec.fields);
  }
}
