import type { Asking, Effect } from './effect.ts';
import { FUNCTIONS } from './function-guard.ts';

/** Effects by operator. */
export type EpochEffects = Readonly<Record<string, readonly Effect[]>>;

interface Named {
  readonly id: string;
  readonly asking: Asking;
}

/** All operators of a task that ask. */
export class TaskAsks {
  readonly all: readonly Named[];
  readonly #journaled: readonly Named[];

  /** `functions` are those that run on the task's own thread: they wait for nothing, but a call may not return. */
  constructor(
    vertices: readonly { readonly id: string; readonly operator: { readonly asking?: Asking } | undefined }[],
    functions: Asking | undefined,
  ) {
    this.all = vertices.flatMap(({ id, operator }) =>
      operator?.asking === undefined ? [] : [{ id, asking: operator.asking }],
    );
    this.#journaled = functions === undefined ? this.all : [...this.all, { id: FUNCTIONS, asking: functions }];
  }

  begin(effects: EpochEffects, replay: boolean): void {
    for (const { id, asking } of this.#journaled) asking.begin(effects[id] ?? [], replay);
  }

  /** What the epoch took from outside; undefined for nothing. */
  taken(): EpochEffects | undefined {
    const taken = this.#journaled.flatMap(({ id, asking }): [string, readonly Effect[]][] => {
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
