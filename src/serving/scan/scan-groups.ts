import { BATCH_ROWS_MAX, type ColumnVector } from '../../kernel/column.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { DataType } from '../../plan/data-type.ts';
import type { AliveRows } from './alive-rows.ts';
import { type CodeDictionary, codeDictionary, NULL_CODE, PairTable } from './group-codes.ts';

/** The groups of a scan: numbered from 0 on as they are first seen, with the values that each stands for. */
export class ScanGroups {
  /** The group of each row of the last {@link assign}. */
  readonly ids = new Int32Array(BATCH_ROWS_MAX);
  readonly #dictionaries: readonly CodeDictionary[];
  /** `#pairs[k]` combines what the columns before k gave with the code of column k. */
  readonly #pairs: readonly PairTable[];
  readonly #codes = new Int32Array(BATCH_ROWS_MAX);

  constructor(types: readonly DataType[]) {
    this.#dictionaries = types.map(codeDictionary);
    this.#pairs = types.map(() => new PairTable());
  }

  /** Without columns there is one group, also when there is no row. */
  get size(): number {
    return this.#pairs.at(-1)?.size ?? 1;
  }

  assign(kernel: Kernel, rows: AliveRows, columns: readonly ColumnVector[]): void {
    const { count } = rows;
    const { ids } = this;
    const codes = this.#codes;
    this.#dictionaries.forEach((dictionary, at) => {
      dictionary.encode(kernel, rows, columns[at]!, codes);
      const pairs = this.#pairs[at]!;
      if (at === 0) for (let i = 0; i < count; i++) ids[i] = pairs.of(0, codes[i]!);
      else for (let i = 0; i < count; i++) ids[i] = pairs.of(ids[i]!, codes[i]!);
    });
  }

  idOf(values: readonly unknown[]): number {
    let id = 0;
    this.#dictionaries.forEach((dictionary, at) => {
      id = this.#pairs[at]!.of(id, dictionary.codeOf(values[at]));
    });
    return id;
  }

  /** The values of a group. */
  valuesOf(group: number): readonly unknown[] {
    const values = new Array<unknown>(this.#dictionaries.length);
    let id = group;
    for (let at = values.length - 1; at >= 0; at--) {
      const [left, code] = this.#pairs[at]!.at(id);
      values[at] = code === NULL_CODE ? null : this.#dictionaries[at]!.values()[code - 1];
      id = left;
    }
    return values;
  }
}
