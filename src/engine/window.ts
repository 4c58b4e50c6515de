import type { WindowNode } from '../plan/node.ts';
import type { Batch } from './batch.ts';
import { forEachRow, selectionOf } from './column-access.ts';
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
    const kept: number[] = [];
    forEachRow(kernel, batch, (row) => {
      if (kernel.u8()[nulls + row] === 0) kept.push(row);
      else deadLetter({ reason: 'no-event-time', message: 'window: the time of the row is null', batch, row });
    });
    if (kept.length === batch.selected) return batch;
    return { ...batch, selection: selectionOf(kernel, kept), selected: kept.length };
  }
}
