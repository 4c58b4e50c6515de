import type { Asking, Effect } from './effect.ts';

/** Effects by operator. */
export type EpochEffects = Readonly<Record<string, readonly Effect[]>>;

interface Named {
  readonly id: string;
  readonly asking: Asking;
}

/** All operators of a task that ask. */
export class TaskAsks {
  readonly all: readonly Named[];

  constructor(
    vertices: readonly { readonly id: string; readonly operator: { readonly asking?: Asking } | undefined }[],
  ) {
    this.all = vertices.flatMap(({ id, operator }) =>
      operator?.asking === undefined ? [] : [{ id, asking: operator.asking }],
    );
  }

  begin(effects: EpochEffects, replay: boolean): void {
    for (const { id, asking } of this.all) asking.begin(effects[id] ?? [], replay);
  }

  /** What the epoch took from outside; undefined for nothing. */
  taken(): EpochEffects | undefined {
    const taken = this.all.flatMap(({ id, asking }): [string, readonly Effect[]][] => {
      const effects = asking.taken();
      return effects.length === 0 ? [] : [[id, effects]];
    });
    return taken.length === 0 ? undefined : Object.fromEntries(taken);
  }

  /** Rows that wait for answers. */
  get waiting(): number {
    return this.all.reduce((sum, { asking }) => sum + asking.waiting, 0);
  }

  get isFull(): boolean {
    return this.all.some(({ asking }) => asking.isFull);
  }
}
