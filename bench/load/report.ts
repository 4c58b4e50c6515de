export interface Figure {
  readonly bench: string;
  readonly value: number;
  readonly unit: string;
  /** What ran beside it in the same run. */
  readonly against: string | null;
  readonly ratio: number | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Prints one figure as a line of JSON (ARCHITECTURE.md, section 9). */
export function report(figure: Figure): void {
  console.log(JSON.stringify(figure));
}

export function rounded(value: number, digits = 2): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
