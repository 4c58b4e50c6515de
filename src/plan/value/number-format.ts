import { evaluationError } from '../evaluation-error.ts';
import { Decimal } from './decimal.ts';
import { ordinalSuffix, romanNumeral } from './numeral.ts';

type Piece =
  | { readonly kind: 'digit'; readonly isZero: boolean }
  | { readonly kind: 'group' | 'point' | 'minus' | 'plus' | 'sign' | 'anchored' | 'brackets' | 'shift' | 'currency' }
  | { readonly kind: 'ordinal'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string };

/** A number format, taken apart (PostgreSQL manual, tables 9.28 and 9.29). */
export interface NumberFormat {
  readonly pieces: readonly Piece[];
  /** FM: without blanks in front and zeros behind. */
  readonly isBare: boolean;
  readonly isScientific: boolean;
  readonly roman: string;
  /** Digits before the point, after it, and those that V shifts. */
  readonly before: number;
  readonly after: number;
  readonly shift: number;
}

const KEYWORDS: readonly (readonly [string, Piece['kind'] | 'fill' | 'scientific' | 'roman'])[] = [
  ['EEEE', 'scientific'],
  ['FM', 'fill'],
  ['MI', 'minus'],
  ['PL', 'plus'],
  ['PR', 'brackets'],
  ['RN', 'roman'],
  ['SG', 'sign'],
  ['TH', 'ordinal'],
  ['S', 'anchored'],
  ['V', 'shift'],
  ['L', 'currency'],
  ['D', 'point'],
  ['.', 'point'],
  ['G', 'group'],
  [',', 'group'],
  ['9', 'digit'],
  ['0', 'digit'],
];

/** @throws HeadraceError `PLAN_INVALID_ARGUMENT` */
export function numberFormat(format: string): NumberFormat {
  const pieces: Piece[] = [];
  const found = { isBare: false, isScientific: false, roman: '', before: 0, after: 0, shift: 0 };
  let part: 'before' | 'after' | 'shift' = 'before';
  for (let at = 0; at < format.length; ) {
    const quoted = /^"((?:[^"\\]|\\.)*)"?/s.exec(format.slice(at));
    const keyword = KEYWORDS.find(([name]) => format.slice(at, at + name.length).toUpperCase() === name);
    const written = quoted?.[0] ?? format.slice(at, at + (keyword?.[0].length ?? 1));
    at += written.length;
    if (quoted !== null) pieces.push({ kind: 'text', text: quoted[1]!.replace(/\\(.)/gs, '$1') });
    else if (keyword === undefined) pieces.push({ kind: 'text', text: written });
    else if (keyword[1] === 'fill') found.isBare = true;
    else if (keyword[1] === 'scientific') found.isScientific = true;
    else if (keyword[1] === 'roman') found.roman = written;
    else {
      if (keyword[1] === 'digit') found[part]++;
      if (keyword[1] === 'point' && part !== 'before') throw refused('multiple decimal points');
      if (keyword[1] === 'point') part = 'after';
      if (keyword[1] === 'shift') part = 'shift';
      pieces.push(pieceOf(keyword[1], written));
    }
  }
  return { ...found, pieces };
}

function pieceOf(kind: Piece['kind'], written: string): Piece {
  if (kind === 'digit') return { kind, isZero: written === '0' };
  if (kind === 'ordinal' || kind === 'text') return { kind, text: written };
  return { kind };
}

function refused(why: string): Error {
  return evaluationError('PLAN_INVALID_ARGUMENT', `invalid number format: ${why}`);
}

/** `to_char(number, format)`. */
export function formatNumberAs(value: Decimal, format: NumberFormat): string {
  if (format.roman !== '') return romanText(value, format);
  if (format.isScientific) return scientificText(value, format);
  const shifted = format.shift === 0 ? value : value.multiply(new Decimal(10n ** BigInt(format.shift), 0));
  const rounded = shifted.abs().round(format.after);
  const [whole = '', fraction = ''] = rounded.toString().split('.');
  const isNegative = value.unscaled < 0n && rounded.unscaled !== 0n;
  return new NumberWriter(format, whole, fraction, isNegative).write();
}

function romanText(value: Decimal, { isBare, roman }: NumberFormat): string {
  const number = value.round().toNumber();
  const width = 15;
  if (number < 1 || number > 3999) return '#'.repeat(width);
  const text = roman === 'rn' ? romanNumeral(number).toLowerCase() : romanNumeral(number);
  return isBare ? text : text.padStart(width);
}

function scientificText(value: Decimal, { after, isBare }: NumberFormat): string {
  const digits = value.abs().unscaled.toString();
  let exponent = value.unscaled === 0n ? 0 : digits.length - 1 - value.scale;
  const scaled = (by: number): Decimal =>
    by >= 0
      ? new Decimal(value.abs().unscaled, value.scale + by)
      : new Decimal(value.abs().unscaled * 10n ** BigInt(-by), value.scale);
  let mantissa = scaled(exponent).round(after);
  if (mantissa.compare(Decimal.of(10)) >= 0) mantissa = scaled(++exponent).round(after);
  const size = String(Math.abs(exponent)).padStart(2, '0');
  const sign = value.unscaled < 0n ? '-' : isBare ? '' : ' ';
  return `${sign}${mantissa.toString()}e${exponent < 0 ? '-' : '+'}${size}`;
}

/** Writes one number by the pieces of a format. */
class NumberWriter {
  readonly #format: NumberFormat;
  readonly #isNegative: boolean;
  readonly #isTooLong: boolean;
  readonly #digits: string;
  /** Places before the first digit that is shown. */
  readonly #blank: number;
  readonly #fraction: string;
  readonly #hasOwnSign: boolean;
  #place = 0;
  #behind = 0;
  #isStarted = false;
  #out = '';

  constructor(format: NumberFormat, whole: string, fraction: string, isNegative: boolean) {
    this.#format = format;
    this.#isNegative = isNegative;
    const width = format.before + format.shift;
    this.#isTooLong = whole !== '0' && whole.length > width;
    const zeroAt = format.pieces
      .filter((piece) => piece.kind === 'digit')
      .findIndex((p) => p.kind === 'digit' && p.isZero);
    const isHidden = whole === '0' && format.after > 0 && (zeroAt < 0 || zeroAt >= width);
    const shown = isHidden ? 0 : Math.max(whole.length, 1);
    this.#blank = zeroAt >= 0 && zeroAt < width ? Math.min(zeroAt, width - shown) : Math.max(0, width - shown);
    this.#digits = isHidden ? '' : whole;
    this.#fraction = fraction;
    this.#hasOwnSign = format.pieces.some(({ kind }) => /^(?:minus|sign|brackets)$/.test(kind));
  }

  write(): string {
    const { pieces, isBare } = this.#format;
    const anchor = pieces.findIndex(({ kind }) => kind === 'anchored');
    const firstDigit = pieces.findIndex(({ kind }) => kind === 'digit');
    const isTrailing = anchor > firstDigit && firstDigit >= 0;
    for (const [index, piece] of pieces.entries()) {
      if (piece.kind === 'digit') this.#digit(piece.isZero, anchor >= 0 && !isTrailing);
      else if (piece.kind === 'group') this.#group();
      else if (piece.kind === 'point') this.#point(anchor >= 0 && !isTrailing);
      else if (piece.kind === 'anchored') this.#out += isTrailing ? (this.#isNegative ? '-' : '+') : '';
      else this.#mark(piece, index > firstDigit);
    }
    if (this.#hasBrackets()) this.#out += this.#isNegative ? '>' : isBare ? '' : ' ';
    if (isBare) this.#trimFraction();
    return this.#out;
  }

  #hasBrackets(): boolean {
    return this.#format.pieces.some(({ kind }) => kind === 'brackets');
  }

  /** The sign stands right before the first digit, behind the blanks. */
  #start(isAnchored: boolean): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const { isBare, pieces } = this.#format;
    if (isAnchored) this.#out += this.#isNegative ? '-' : '+';
    else if (this.#hasBrackets()) this.#out += this.#isNegative ? '<' : isBare ? '' : ' ';
    else if (!this.#hasOwnSign && !pieces.some(({ kind }) => kind === 'anchored')) {
      this.#out += this.#isNegative ? '-' : isBare ? '' : ' ';
    } else if (this.#isNegative && !pieces.some(({ kind }) => /^(?:minus|sign|anchored|brackets)$/.test(kind)))
      this.#out += '-';
  }

  #digit(_isZero: boolean, isAnchored: boolean): void {
    const width = this.#format.before + this.#format.shift;
    if (this.#place >= width) {
      this.#start(isAnchored);
      this.#out += this.#isTooLong ? '#' : (this.#fraction[this.#behind++] ?? '0');
      return;
    }
    const at = this.#place++;
    if (this.#isTooLong) {
      this.#start(isAnchored);
      this.#out += '#';
    } else if (at < this.#blank) this.#out += this.#format.isBare ? '' : ' ';
    else {
      this.#start(isAnchored);
      const index = at - (width - this.#digits.length);
      this.#out += index < 0 ? '0' : this.#digits[index]!;
    }
  }

  #group(): void {
    this.#out += this.#isStarted ? ',' : this.#format.isBare ? '' : ' ';
  }

  #point(isAnchored: boolean): void {
    this.#start(isAnchored);
    this.#out += '.';
  }

  #mark(piece: Piece, isBehind: boolean): void {
    const blank = this.#format.isBare ? '' : ' ';
    if (piece.kind === 'text') this.#out += piece.text;
    else if (piece.kind === 'minus') this.#out += this.#isNegative ? '-' : blank;
    else if (piece.kind === 'plus') this.#out += this.#isNegative ? blank : '+';
    else if (piece.kind === 'sign') this.#out += this.#isNegative ? '-' : '+';
    else if (piece.kind === 'currency') this.#out += ' ';
    else if (piece.kind === 'ordinal' && isBehind && !this.#isNegative && this.#format.after === 0) {
      const suffix = ordinalSuffix(this.#digits);
      this.#out += piece.text === 'TH' ? suffix.toUpperCase() : suffix;
    }
  }

  /** FM leaves out zeros at the end that no 0 of the format asks for. */
  #trimFraction(): void {
    const after = this.#format.pieces
      .filter((piece) => piece.kind === 'digit')
      .slice(this.#format.before + this.#format.shift);
    const kept = after.findLastIndex((piece) => piece.kind === 'digit' && piece.isZero) + 1;
    const match = /\.(\d*)/.exec(this.#out);
    if (match === null) return;
    let digits = match[1]!;
    while (digits.length > kept && digits.endsWith('0')) digits = digits.slice(0, -1);
    this.#out = this.#out.replace(/\.\d*/, `.${digits}`);
  }
}

/** `to_number(text, format)`: the digits where the format has them; signs where it allows them. @throws HeadraceError `PLAN_INVALID_TEXT` */
export function scanNumber(text: string, format: NumberFormat): Decimal {
  let at = 0;
  let digits = '';
  let isNegative = false;
  const isDigit = (): boolean => /^\d$/.test(text[at] ?? '');
  const sign = (): void => {
    if (/^[-+<]$/.test(text[at] ?? '')) isNegative = text[at++] !== '+' || isNegative;
  };
  for (const { kind } of format.pieces) {
    if (at >= text.length) break;
    if (kind === 'digit') {
      while (text[at] === ' ') at++;
      sign();
      if (isDigit()) digits += text[at++];
      else if (text[at] === '.' && !digits.includes('.')) digits += text[at++];
    } else if (kind === 'point') {
      if (text[at] === '.') digits += text[at++];
    } else if (kind === 'group') {
      if (text[at] === ',') at++;
    } else if (/^(?:minus|plus|sign|anchored|brackets)$/.test(kind)) {
      while (text[at] === ' ') at++;
      sign();
    } else if (!isDigit() && !/^[-+.,]$/.test(text[at]!)) at++;
  }
  if (!/\d/.test(digits))
    throw evaluationError('PLAN_INVALID_TEXT', `invalid input syntax for type numeric: "${text.slice(0, 100)}"`);
  const value = Decimal.parse(digits).round(format.after + format.shift);
  const size = format.shift === 0 ? value : value.divide(new Decimal(10n ** BigInt(format.shift), 0));
  return isNegative ? size.negate() : size;
}
