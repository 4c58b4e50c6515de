import { evaluationError } from '../evaluation-error.ts';
import {
  checkedDate,
  daysInMonth,
  daysOfDate,
  MICROS_PER_DAY,
  MICROS_PER_MINUTE,
  MICROS_PER_SECOND,
} from './calendar.ts';
import { romanNumeral } from './numeral.ts';
import { DAYS, type FormatPiece, MONTHS } from './timestamp-format.ts';

/** What a text said, by the names of the patterns. */
type Found = Map<string, number>;

const invalid = (message: string): Error => evaluationError('PLAN_INVALID_TEXT', message);
const outside = (text: string): Error => invalid(`date/time field value out of range: "${text.slice(0, 200)}"`);

/** How many digits each pattern takes at most when a digit follows; 0 is as many as there are. */
const DIGITS: Readonly<Record<string, number>> = {
  YYYY: 4,
  YYY: 3,
  YY: 2,
  Y: 1,
  IYYY: 4,
  IYY: 3,
  IY: 2,
  I: 1,
  IDDD: 3,
  ID: 1,
  IW: 2,
  CC: 2,
  MI: 2,
  MM: 2,
  MS: 3,
  DDD: 3,
  DD: 2,
  D: 1,
  HH24: 2,
  HH12: 2,
  HH: 2,
  SSSSS: 5,
  SSSS: 5,
  SS: 2,
  US: 6,
  FF1: 1,
  FF2: 2,
  FF3: 3,
  FF4: 4,
  FF5: 5,
  FF6: 6,
  WW: 2,
  W: 1,
  J: 0,
  Q: 1,
};
const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  MI: [0, 59],
  MM: [1, 12],
  DDD: [1, 366],
  DD: [1, 31],
  HH24: [0, 23],
  HH12: [1, 12],
  HH: [1, 12],
  SS: [0, 59],
  SSSS: [0, 86_399],
  SSSSS: [0, 86_399],
  IW: [1, 53],
  WW: [1, 53],
  W: [1, 5],
  D: [1, 7],
  ID: [1, 7],
};

/**
 * Reads a text by a format (PostgreSQL manual, section 9.8, to_timestamp and to_date): blanks and separators of the text that the
 * format does not name are passed over. Gives days since 1970-01-01, the time of the day, and the offset that TZH and TZM gave.
 */
export function scanTimestamp(
  text: string,
  pieces: readonly FormatPiece[],
): { readonly days: number; readonly timeOfDay: bigint; readonly offset: bigint } {
  const found = new Scanner(text, pieces).scan();
  const time = timeOf(found, text);
  const sign = found.get('TZS') ?? 1;
  const offset = BigInt(sign * ((found.get('TZH') ?? 0) * 60 + (found.get('TZM') ?? 0))) * MICROS_PER_MINUTE;
  return { days: checkedDate(daysOf(found, text)), timeOfDay: time, offset };
}

class Scanner {
  readonly #text: string;
  readonly #pieces: readonly FormatPiece[];
  readonly #found: Found = new Map();
  #at = 0;
  /** Blanks and separators passed over so far that later text of the format may stand for. */
  #extra = 0;

  constructor(text: string, pieces: readonly FormatPiece[]) {
    this.#text = text;
    this.#pieces = pieces;
  }

  scan(): Found {
    for (const [index, piece] of this.#pieces.entries()) {
      if (piece.kind === 'text' && index > 0) {
        this.#passText(piece);
        continue;
      }
      this.#passBlanks();
      if (this.#at >= this.#text.length) break;
      if (piece.kind === 'text') this.#passText(piece);
      else this.#read(piece, this.#pieces[index + 1]);
    }
    return this.#found;
  }

  #passBlanks(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) {
      this.#at++;
      this.#extra++;
    }
  }

  #passText({ text, isQuoted }: FormatPiece & { kind: 'text' }): void {
    for (const unit of text) {
      if (!isQuoted && isSeparator(unit)) {
        this.#extra--;
        if (isSeparator(this.#text[this.#at] ?? 'x')) {
          this.#at++;
          this.#extra++;
        }
      } else if (this.#extra > 0) this.#extra--;
      else this.#at++;
    }
  }

  #read(piece: FormatPiece & { kind: 'pattern' }, next: FormatPiece | undefined): void {
    const name = piece.base;
    const upper = name.toUpperCase();
    const digits = DIGITS[upper];
    if (digits !== undefined) {
      this.#number(upper, digits, piece.isBare || isBoundary(next));
      if (piece.ordinal !== '') this.#at += 2;
    } else if (upper === 'MONTH' || upper === 'MON') {
      this.#set('MM', this.#word(upper === 'MON' ? MONTHS.map(short) : MONTHS, name) + 1);
    } else if (upper === 'DAY' || upper === 'DY') this.#word(upper === 'DY' ? DAYS.map(short) : DAYS, name);
    else if (/^[AP]\.?M/.test(upper))
      this.#set('PM', this.#word(upper.includes('.') ? ['a.m.', 'p.m.'] : ['am', 'pm'], name));
    else if (/^(?:A\.?D|B\.?C)/.test(upper))
      this.#set('BC', this.#word(upper.includes('.') ? ['a.d.', 'b.c.'] : ['ad', 'bc'], name));
    else if (upper === 'RM') this.#roman();
    else if (upper === 'Y,YYY') this.#yearWithComma();
    else if (upper === 'TZH' || upper === 'TZM') this.#zone(upper);
    else throw invalid(`formatting field "${name}" is only supported in to_char`);
    this.#extra = 0;
  }

  #set(name: string, value: number): void {
    const before = this.#found.get(name);
    if (before !== undefined && before !== value)
      throw invalid(`conflicting values for "${name}" field in formatting string`);
    this.#found.set(name, value);
  }

  /** Fractions of a second count from the left: 5 for MS is 500. */
  #number(name: string, digits: number, isOpen: boolean): void {
    const limit = isOpen || digits === 0 ? '+' : `{1,${digits}}`;
    const match = new RegExp(`^[+-]?\\d${limit}`).exec(this.#text.slice(this.#at));
    if (match === null) {
      const shown = this.#text.slice(this.#at, this.#at + Math.max(digits, 1));
      throw invalid(`invalid value "${shown}" for "${name}": value must be an integer`);
    }
    this.#at += match[0].length;
    let value = Number(match[0]);
    if (/^(?:MS|US|FF\d)$/.test(name)) {
      value = Math.round(Number(`0.${match[0]}`) * 1e6);
      this.#set('MICROS', value);
      return;
    }
    const range = RANGES[name];
    if (range !== undefined && (value < range[0] || value > range[1])) {
      if (name === 'HH' || name === 'HH12') throw invalid(`hour "${value}" is invalid for the 12-hour clock`);
      throw outside(this.#text);
    }
    if (/^I?Y{1,3}$/.test(name)) value = nearYear(value, match[0].length);
    this.#set(FIELD_OF[name] ?? name, value);
  }

  #word(words: readonly string[], name: string): number {
    const rest = this.#text.slice(this.#at).toLowerCase();
    const index = words.findIndex((word) => rest.startsWith(word.toLowerCase()));
    if (index < 0) throw invalid(`invalid value "${rest.slice(0, 9)}" for "${name}"`);
    this.#at += words[index]!.length;
    return index;
  }

  #roman(): void {
    const numerals = Array.from({ length: 12 }, (_, index) => romanNumeral(12 - index));
    this.#set('MM', 12 - this.#word(numerals, 'RM'));
  }

  #yearWithComma(): void {
    const match = /^(\d+),(\d{3})/.exec(this.#text.slice(this.#at));
    if (match === null) throw invalid('invalid input string for "Y,YYY"');
    this.#at += match[0].length;
    this.#set('YEAR', Number(match[1]) * 1000 + Number(match[2]));
  }

  #zone(name: 'TZH' | 'TZM'): void {
    const sign = this.#text[this.#at];
    if (name === 'TZH' && (sign === '+' || sign === '-')) {
      this.#found.set('TZS', sign === '-' ? -1 : 1);
      this.#at++;
    }
    this.#number(name, 2, false);
  }
}

const short = (word: string): string => word.slice(0, 3);

/** Patterns that say the same thing. */
const FIELD_OF: Readonly<Record<string, string>> = {
  YYYY: 'YEAR',
  YYY: 'YEAR',
  YY: 'YEAR',
  Y: 'YEAR',
  IYYY: 'ISO_YEAR',
  IYY: 'ISO_YEAR',
  IY: 'ISO_YEAR',
  I: 'ISO_YEAR',
  HH24: 'HH24',
  HH12: 'HH12',
  HH: 'HH12',
  SSSSS: 'SSSS',
};

function isSeparator(unit: string): boolean {
  return /^[\s!-/:-@[-`{-~]$/.test(unit);
}

/** Whether a number may be longer than its pattern: no digit can follow. */
function isBoundary(next: FormatPiece | undefined): boolean {
  if (next === undefined) return true;
  if (next.kind === 'pattern') return DIGITS[next.base.toUpperCase()] === undefined;
  return !/^\d/.test(next.text);
}

/** A year of fewer than four digits is the one nearest to 2020. */
function nearYear(year: number, digits: number): number {
  if (digits > 3 || year >= 1000) return year;
  if (year < 70) return year + 2000;
  if (year < 100) return year + 1900;
  return year < 520 ? year + 2000 : year + 1000;
}

function timeOf(found: Found, text: string): bigint {
  const seconds = found.get('SSSS');
  const micros = BigInt(found.get('MICROS') ?? 0);
  if (seconds !== undefined) return BigInt(seconds) * MICROS_PER_SECOND + micros;
  const half = found.get('HH12');
  const isAfternoon = found.get('PM');
  let hour = found.get('HH24') ?? half ?? 0;
  if (isAfternoon !== undefined) {
    if (hour < 1 || hour > 12) throw invalid(`hour "${hour}" is invalid for the 12-hour clock`);
    hour = (hour % 12) + (isAfternoon === 1 ? 12 : 0);
  } else if (half === 12 && found.get('HH24') === undefined) hour = 0;
  const total = BigInt((hour * 60 + (found.get('MI') ?? 0)) * 60 + (found.get('SS') ?? 0)) * MICROS_PER_SECOND + micros;
  if (total >= MICROS_PER_DAY) throw outside(text);
  return total;
}

function daysOf(found: Found, text: string): number {
  const julian = found.get('J');
  if (julian !== undefined) return julian - 2_440_588;
  const isoYear = found.get('ISO_YEAR');
  if (isoYear !== undefined) return isoDays(found, isoYear);
  const year = yearOf(found);
  const dayOfYear = found.get('DDD');
  if (dayOfYear !== undefined && found.get('MM') === undefined) return daysOfDate(year, 1, 1) + dayOfYear - 1;
  const week = found.get('WW');
  if (week !== undefined) return daysOfDate(year, 1, 1) + (week - 1) * 7;
  const month = found.get('MM') ?? 1;
  const day = found.get('DD') ?? (found.get('W') === undefined ? 1 : (found.get('W')! - 1) * 7 + 1);
  if (day > daysInMonth(year, month)) throw outside(text);
  return daysOfDate(year, month, day);
}

function yearOf(found: Found): number {
  const isBefore = found.get('BC') === 1;
  const century = found.get('CC');
  const year = found.get('YEAR');
  if (year === undefined) return century === undefined ? 0 : (century - 1) * 100 + 1;
  if (isBefore) return 1 - year;
  return year < 0 ? year + 1 : year;
}

function isoDays(found: Found, year: number): number {
  const fourth = daysOfDate(year, 1, 4);
  const monday = fourth - ((((fourth + 3) % 7) + 7) % 7);
  const dayOfYear = found.get('IDDD');
  if (dayOfYear !== undefined) return monday + dayOfYear - 1;
  return monday + ((found.get('IW') ?? 1) - 1) * 7 + (found.get('ID') ?? 1) - 1;
}
