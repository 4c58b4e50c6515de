/**
 * Functions of assembly/functions, which compiled expressions import (see exports.ts). `text` and the like are addresses of
 * string references, `out` is where the reference of a result goes; a result of 0 or 1 is a boolean.
 */
export interface FunctionExports {
  textBegin(): void;
  compareText(a: number, b: number): number;
  startsWith(text: number, part: number): number;
  endsWith(text: number, part: number): number;
  contains(text: number, part: number): number;
  likeText(text: number, pattern: number): number;
  likeFolded(text: number, pattern: number): number;
  isAscii(text: number): number;
  pointLength(text: number): number;
  position(text: number, part: number): number;
  sliceText(text: number, from: bigint, to: bigint, out: number): void;
  leftText(text: number, count: number, out: number): void;
  rightText(text: number, count: number, out: number): void;
  concatText(a: number, b: number, out: number): void;
  lowerText(text: number, table: number, out: number): number;
  upperText(text: number, table: number, out: number): number;
  splitPart(text: number, delimiter: number, field: number, out: number): void;
  trimText(text: number, set: number, sides: number, out: number): void;
  replaceText(text: number, from: number, to: number, out: number): void;
  addMonths(days: number, months: number): number;
  truncateDays(days: number, unit: number): number;
  dateField(days: number, field: number): number;
  intText(value: bigint, out: number): void;
  decimalText(value: bigint, scale: number, out: number): void;
  doubleText(value: number, out: number): number;
  dateText(days: number, out: number): number;
  isoTimestampText(micros: bigint, zone: number, out: number): number;
  timestampText(micros: bigint, zone: number, out: number): number;
  writeBegin(bytes: number): void;
  writeText(text: number): void;
  writePadded(value: number, width: number): void;
  writeEnd(out: number): void;
  parsedValue(): bigint;
  parsedScale(): number;
  parseWhole(text: number): number;
  parseDecimal(text: number): number;
  parseNumeric(text: number, scale: number): number;
  parseTimestampText(text: number): number;
  parseDateText(text: number): number;
  multiplyOverflows(a: bigint, b: bigint): number;
  /** 0 or 1; 2 for what is left to the interpreter. */
  matchPattern(text: number, table: number, first: number): number;
  /** These answer 0 for what is absent, 1, or 2 for what is left to the interpreter. */
  jsonMember(json: number, name: number, out: number): number;
  jsonElement(json: number, index: number, out: number): number;
  jsonStep(json: number, step: number, out: number): number;
  jsonText(json: number, out: number): number;
  divideRounded(value: bigint, divisor: bigint): bigint;
}
