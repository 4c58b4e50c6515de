import type { WindowNode } from '../../../plan/node.ts';
import type { HoppingWindow } from '../../../plan/window-shape.ts';
import type { Batch } from '../batch.ts';
import { datedRows } from '../dated-rows.ts';
import { StatelessOperator } from '../operator.ts';

/**
 * Appends the bounds of a hopping window: a batch for each of the windows that a time may fall into, earliest first, all over the
 * same columns. Rows without a time go to dead letters; windows that begin further apart than they are long leave some rows out.
 */
export class HoppingWindowOperator extends StatelessOperator {
  readonly #node: WindowNode;
  readonly #window: HoppingWindow;
  /** Windows that a row may fall into, at most. */
  readonly #hops: number;

  constructor(node: WindowNode, window: HoppingWindow) {
    super();
    this.#node = node;
    this.#window = window;
    this.#hops = Number((window.sizeUs + window.slideUs - 1n) / window.slideUs);
  }

  processBatch(batch: Batch): void {
    const { kernel, emit } = this.context;
    const { sizeUs, slideUs, offsetUs } = this.#window;
    const time = batch.columns[this.#node.timeColumn]!;
    const dated = datedRows(batch, time.nulls, this.context, 'window');
    if (dated.selected === 0) return;
    const { selection, selected } = dated;
    // Written anew for each window: whoever follows has copied what it keeps.
    const start = kernel.arenaAlloc(batch.rows * 8);
    const end = kernel.arenaAlloc(batch.rows * 8);
    const kept = kernel.arenaAlloc(selected * 4);
    const bounds = [start, end].map((data) => ({ physical: 'i64' as const, data, nulls: 0 }));
    const columns = [...batch.columns, ...bounds];
    for (let back = this.#hops - 1; back >= 0; back--) {
      const { hop } = kernel.exports;
      const count = hop(time.data, selection, selected, sizeUs, slideUs, offsetUs, back, start, end, kept);
      if (count === 0) continue;
      const isWhole = count === selected;
      emit({ ...dated, columns, selection: isWhole ? selection : kept, selected: count });
    }
  }
}
