import type { WindowNode } from '../../../plan/node.ts';
import type { TumblingWindow } from '../../../plan/window-shape.ts';
import type { Batch } from '../batch.ts';
import { datedRows } from '../dated-rows.ts';
import { StatelessOperator } from '../operator.ts';

/** Appends the bounds of the tumbling window that each row's time falls into. Rows without a time go to dead letters. */
export class TumblingWindowOperator extends StatelessOperator {
  readonly #node: WindowNode;
  readonly #window: TumblingWindow;

  constructor(node: WindowNode, window: TumblingWindow) {
    super();
    this.#node = node;
    this.#window = window;
  }

  processBatch(batch: Batch): void {
    const { kernel, emit } = this.context;
    const { sizeUs, offsetUs } = this.#window;
    const time = batch.columns[this.#node.timeColumn]!;
    const dated = datedRows(batch, time.nulls, this.context, 'window');
    if (dated.selected === 0) return;
    const start = kernel.arenaAlloc(batch.rows * 8);
    const end = kernel.arenaAlloc(batch.rows * 8);
    kernel.exports.tumble(time.data, batch.rows, sizeUs, offsetUs, start, end);
    const bounds = [start, end].map((data) => ({ physical: 'i64' as const, data, nulls: 0 }));
    emit({ ...dated, columns: [...batch.columns, ...bounds] });
  }
}
