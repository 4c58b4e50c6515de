import type { ColumnBatch } from '../../kernel/column.ts';
import { BATCH_ROWS_MAX } from '../../kernel/column.ts';
import type { Kernel } from '../../kernel/kernel.ts';

/** The numbers of the rows of a batch that are alive, whether there is a selection or not. */
export class AliveRows {
  readonly rows = new Int32Array(BATCH_ROWS_MAX);
  count = 0;
  #countingUp = 0;

  take(kernel: Kernel, batch: ColumnBatch): void {
    if (batch.selection !== 0) {
      const first = batch.selection >>> 2;
      this.rows.set(kernel.u32().subarray(first, first + batch.selected));
      this.count = batch.selected;
      this.#countingUp = 0;
      return;
    }
    for (; this.#countingUp < batch.rows; this.#countingUp++) this.rows[this.#countingUp] = this.#countingUp;
    this.count = batch.rows;
  }
}
