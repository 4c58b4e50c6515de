import type { WindowNode } from '../plan/node.ts';
import type { Batch } from './batch.ts';
import { StatelessOperator } from './operator.ts';

/** Appends the bounds of the tumbling window that each row's time falls into. Rows without a time go to dead letters. */
export class WindowOperator extends StatelessOperator {
  readonly #node: WindowNode;

  constructor(node: WindowNode) {
    super();
    this.#node = node;
  }

  processBatch(batch: Batch): void {
    const { kernel, emit } = this.context;
    const { sizeUs, offsetUs } = this.#node.window;
    const time = batch.columns[this.#node.timeColumn]!;
    const dated = time.nulls === 0 ? batch : this.#withTime(batch, time.nulls);
    if (dated.selected === 0) return;
    const start = kernel.arenaAlloc(batch.rows * 8);
    const end = kernel.arenaAlloc(batch.rows * 8);
    kernel.exports.tumble(time.data, batch.rows, sizeUs, offsetUs, start, end);
    const bounds = [start, end].map((data) => ({ physical: 'i64' as const, data, nulls: 0 }));
    emit({ ...dated, columns: [...batch.columns, ...bounds] });
  }

  #withTime(batch: Batch, nulls: number): Batch {
    const { kernel, deadLetter } = this.context;
    const { selection, selected } = batch;
    const kept = kernel.arenaAlloc(selected * 4);
    const missing = kernel.arenaAlloc(selected * 4);
    const count = kernel.exports.partitionNulls(nulls, selection, selected, kept, missing);
    if (count === selected) return batch;
    for (let i = 0; i < selected - count; i++) {
      const row = kernel.u32()[(missing >>> 2) + i]!;
      deadLetter({ reason: 'no-event-time', message: 'window: the time of the row is null', batch, row });
    }
    return { ...batch, selection: kept, selected: count };
  }
}
