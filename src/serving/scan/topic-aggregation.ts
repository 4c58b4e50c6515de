import type { Batch } from '../../engine/operator/batch.ts';
import { ColumnEvaluator } from '../../engine/operator/column-evaluator.ts';
import type { ColumnVector } from '../../kernel/column.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { compileExpression, type Evaluator } from '../../plan/evaluate.ts';
import type { AggregateNode } from '../../plan/node.ts';
import { valueToText } from '../../plan/value/value-text.ts';
import { SCAN_GROUPS_MAX } from '../limits.ts';
import { AliveRows } from './alive-rows.ts';
import { type ScanSink, scanContext } from './chain-scan.ts';
import { KernelGroups } from './kernel-groups.ts';
import { type ScanAggregate, scanAggregate } from './scan-aggregate.ts';
import { tooManyGroups } from './scan-error.ts';
import { ScanGroups } from './scan-groups.ts';
import type { ScanPartial } from './scan-partial.ts';
import { expressionsOf } from './scan-plan.ts';

/** Aggregates what a scan lets through: batches in the kernel where it has a place for their types, single rows here. */
export class TopicAggregation implements ScanSink {
  readonly #kernel: Kernel;
  readonly #aggregate: AggregateNode;
  readonly #evaluator: ColumnEvaluator;
  readonly #kernelGroups: KernelGroups | undefined;
  readonly #groups: ScanGroups;
  readonly #aggregates: readonly ScanAggregate[];
  readonly #alive = new AliveRows();
  readonly #rowGroups: readonly Evaluator[];
  readonly #rowCalls: readonly { readonly argument: Evaluator | undefined; readonly filter: Evaluator | undefined }[];

  constructor(kernel: Kernel, aggregate: AggregateNode, nowMs: number) {
    this.#kernel = kernel;
    this.#aggregate = aggregate;
    const context = scanContext(nowMs);
    this.#evaluator = new ColumnEvaluator(kernel, aggregate.input.columns, expressionsOf(aggregate), context);
    this.#kernelGroups = KernelGroups.create(kernel, aggregate, context);
    this.#groups = new ScanGroups(aggregate.groups.map((group) => group.type));
    this.#aggregates = aggregate.aggregates.map(scanAggregate);
    const row = { nowUs: BigInt(nowMs) * 1000n };
    this.#rowGroups = aggregate.groups.map((group) => compileExpression(group, row));
    this.#rowCalls = aggregate.aggregates.map(({ argument, filter }) => ({
      argument: argument && compileExpression(argument, row),
      filter: filter && compileExpression(filter, row),
    }));
  }

  /** @throws HeadraceError what an expression throws; `SERVING_QUERY_MEMORY` when there are too many groups */
  batch(batch: Batch): void {
    const { columns, failures } = this.#evaluator.evaluate(batch);
    if (failures.length > 0) throw failures[0]!.error;
    if (this.#kernelGroups !== undefined) this.#kernelGroups.add(batch, columns);
    else this.#addColumns(batch, columns);
    this.#assertRoom();
  }

  row(values: readonly unknown[]): void {
    const group = this.#groups.idOf(this.#rowGroups.map((of) => of(values)));
    this.#rowCalls.forEach(({ argument, filter }, at) => {
      if (filter !== undefined && filter(values) !== true) return;
      const value = argument?.(values) ?? null;
      if (argument === undefined || value !== null) this.#aggregates[at]!.add(group, value);
    });
    this.#assertRoom();
  }

  partials(): readonly ScanPartial[] {
    const partial = this.#rowPartial();
    return this.#kernelGroups === undefined ? [partial] : [this.#kernelGroups.partial(), partial];
  }

  #rowPartial(): ScanPartial {
    const groups = this.#groups.size;
    const types = this.#aggregate.groups.map((group) => group.type);
    const keys = types.map(() => new Array<string | null>(groups));
    for (let group = 0; group < groups; group++) {
      this.#groups.valuesOf(group).forEach((value, at) => {
        keys[at]![group] = value === null ? null : valueToText(value, types[at]!);
      });
    }
    const aggregates = this.#aggregates.map((aggregate) => aggregate.partial(groups));
    return { groups, keys, aggregates };
  }

  #addColumns(batch: Batch, columns: readonly ColumnVector[]): void {
    const kernel = this.#kernel;
    this.#alive.take(kernel, batch);
    const { groups: groupExpressions, aggregates } = this.#aggregate;
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

  #assertRoom(): void {
    if (this.#groups.size + (this.#kernelGroups?.size ?? 0) > SCAN_GROUPS_MAX) throw tooManyGroups();
  }
}
