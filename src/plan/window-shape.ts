export interface TumblingWindow {
  readonly kind: 'tumbling';
  readonly sizeUs: bigint;
  readonly offsetUs: bigint;
}

/** A window of `sizeUs` begins every `slideUs`; a row falls into all that hold its time, earliest first. */
export interface HoppingWindow {
  readonly kind: 'hopping';
  readonly sizeUs: bigint;
  readonly slideUs: bigint;
  readonly offsetUs: bigint;
}

/** Rows of one key no further apart than `gapUs`: from the first time to the last plus the gap. Rows move when sessions merge. */
export interface SessionWindow {
  readonly kind: 'session';
  readonly gapUs: bigint;
  /** Columns of the input that tell sessions apart. */
  readonly keys: readonly number[];
}

export type FrameBound =
  | { readonly kind: 'unbounded' }
  | { readonly kind: 'current-row' }
  /** Rows, peer groups, or for RANGE a distance of the order key's type (interval for times). */
  | { readonly kind: 'preceding' | 'following'; readonly distance: unknown };

export interface WindowFrame {
  readonly unit: 'rows' | 'range' | 'groups';
  readonly start: FrameBound;
  readonly end: FrameBound;
}
