import type { Interval } from '../data-type.ts';
import { evaluationError } from '../evaluation-error.ts';
import { dateOfDays, daysOfDate, MICROS_PER_SECOND, pad, splitTimestamp } from './calendar.ts';
import { ordinalSuffix, romanNumeral } from './numeral.ts';

/** What a pattern may write; dates of intervals have no weekday. */
interface TimeFields {
  readonly isInterval: boolean;
  /** As PostgreSQL counts it: 0 is 1 BC. */
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly dayOfYear: number;
  readonly days: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
  /** The name of the time zone; empty for what has none. */
  readonly zone: string;
}

export const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
);
export const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');
/** Names are padded to the longest. */
const NAME_WIDTH = 9;
const JULIAN_EPOCH = 2_440_588;

const dayOfWeek = (f: TimeFields): number => (((f.days + 4) % 7) + 7) % 7;
const isoDayOfWeek = (f: TimeFields): number => dayOfWeek(f) || 7;
const shownYear = (year: number): number => (year <= 0 ? 1 - year : year);
const halfDay = (f: TimeFields): number => (f.hour % 12 || 12) as number;

function isoYear(f: TimeFields): number {
  return dateOfDays(f.days - isoDayOfWeek(f) + 4).year;
}

function isoDayOfYear(f: TimeFields): number {
  const thursday = f.days - isoDayOfWeek(f) + 4;
  const fourth = daysOfDate(dateOfDays(thursday).year, 1, 4);
  const monday = fourth - (((((fourth + 3) % 7) + 7) % 7) as number);
  return f.days - monday + 1;
}

function century(f: TimeFields): number {
  if (f.isInterval) return Math.trunc(f.year / 100);
  return f.year > 0 ? Math.floor((f.year - 1) / 100) + 1 : Math.trunc(f.year / 100) - 1;
}

/** A number and the digits that it is filled up to without FM. */
type NumberPattern = readonly [name: string, width: number, of: (f: TimeFields) => number];

/** Patterns that are numbers, of any case, longest first where one begins another (PostgreSQL manual, table 9.26). */
const NUMBERS: readonly NumberPattern[] = [
  ['YYYY', 4, (f) => shownYear(f.year)],
  ['YYY', 3, (f) => shownYear(f.year) % 1000],
  ['YY', 2, (f) => shownYear(f.year) % 100],
  ['Y', 1, (f) => shownYear(f.year) % 10],
  ['IYYY', 4, (f) => shownYear(isoYear(f))],
  ['IYY', 3, (f) => shownYear(isoYear(f)) % 1000],
  ['IY', 2, (f) => shownYear(isoYear(f)) % 100],
  ['IDDD', 3, isoDayOfYear],
  ['ID', 1, isoDayOfWeek],
  ['IW', 2, (f) => Math.floor((isoDayOfYear(f) - 1) / 7) + 1],
  ['I', 1, (f) => shownYear(isoYear(f)) % 10],
  ['CC', 2, century],
  ['MI', 2, (f) => f.minute],
  ['MM', 2, (f) => f.month],
  ['MS', 3, (f) => Math.floor(f.micros / 1000)],
  ['DDD', 3, (f) => f.dayOfYear],
  ['DD', 2, (f) => f.day],
  ['D', 1, (f) => dayOfWeek(f) + 1],
  ['HH24', 2, (f) => f.hour],
  ['HH12', 2, halfDay],
  ['HH', 2, halfDay],
  ['SSSSS', 0, (f) => (f.hour * 60 + f.minute) * 60 + f.second],
  ['SSSS', 0, (f) => (f.hour * 60 + f.minute) * 60 + f.second],
  ['SS', 2, (f) => f.second],
  ['US', 6, (f) => f.micros],
  ['FF1', 1, (f) => Math.floor(f.micros / 100_000)],
  ['FF2', 2, (f) => Math.floor(f.micros / 10_000)],
  ['FF3', 3, (f) => Math.floor(f.micros / 1000)],
  ['FF4', 4, (f) => Math.floor(f.micros / 100)],
  ['FF5', 5, (f) => Math.floor(f.micros / 10)],
  ['FF6', 6, (f) => f.micros],
  ['WW', 2, (f) => Math.floor((f.dayOfYear - 1) / 7) + 1],
  ['W', 1, (f) => Math.floor((f.day - 1) / 7) + 1],
  ['J', 0, (f) => f.days + JULIAN_EPOCH],
  ['Q', 1, (f) => Math.floor((f.month - 1) / 3) + 1],
];

const isMorning = (f: TimeFields): boolean => f.hour % 24 < 12;
const cased = (name: string, text: string): string => (name === name.toLowerCase() ? text.toLowerCase() : text);
const padName = (text: string, isFilled: boolean): string => (isFilled ? text.padEnd(NAME_WIDTH) : text);

type TextPattern = readonly [name: string, write: (f: TimeFields, isFilled: boolean, name: string) => string];

function nameCases(long: string, short: string, list: readonly string[], at: (f: TimeFields) => number): TextPattern[] {
  const pick = (f: TimeFields): string => list[at(f)] ?? noName();
  const title = (word: string): string => word[0] + word.slice(1).toLowerCase();
  return [
    [long, (f, isFilled) => padName(pick(f).toUpperCase(), isFilled)],
    [title(long), (f, isFilled) => padName(pick(f), isFilled)],
    [long.toLowerCase(), (f, isFilled) => padName(pick(f).toLowerCase(), isFilled)],
    [short, (f) => pick(f).slice(0, 3).toUpperCase()],
    [title(short), (f) => pick(f).slice(0, 3)],
    [short.toLowerCase(), (f) => pick(f).slice(0, 3).toLowerCase()],
  ];
}

function noName(): never {
  throw evaluationError('PLAN_INVALID_ARGUMENT', 'invalid format specification for an interval value');
}

const bothCases = (name: string, write: TextPattern[1]): TextPattern[] => [
  [name, write],
  [name.toLowerCase(), write],
];

const TEXTS: readonly TextPattern[] = [
  ...nameCases('MONTH', 'MON', MONTHS, (f) => f.month - 1),
  ...nameCases('DAY', 'DY', DAYS, (f) => (f.isInterval ? -1 : dayOfWeek(f))),
  ...['A.M.', 'P.M.'].flatMap((name) => bothCases(name, (f, _, n) => cased(n, isMorning(f) ? 'A.M.' : 'P.M.'))),
  ...['AM', 'PM'].flatMap((name) => bothCases(name, (f, _, n) => cased(n, isMorning(f) ? 'AM' : 'PM'))),
  ...['A.D.', 'B.C.'].flatMap((name) => bothCases(name, (f, _, n) => cased(n, f.year <= 0 ? 'B.C.' : 'A.D.'))),
  ...['AD', 'BC'].flatMap((name) => bothCases(name, (f, _, n) => cased(n, f.year <= 0 ? 'BC' : 'AD'))),
  ...bothCases('Y,YYY', (f) => {
    const year = shownYear(f.year);
    return `${Math.floor(year / 1000)},${pad(year % 1000, 3)}`;
  }),
  ...bothCases('RM', (f, isFilled, n) => {
    const roman = f.month === 0 ? '' : romanNumeral(f.month);
    return cased(n, isFilled ? roman.padEnd(4) : roman);
  }),
  ...bothCases('TZH', () => '+00'),
  ...bothCases('TZM', () => '00'),
  ...bothCases('TZ', (f, _, n) => cased(n, f.zone)),
  ...bothCases('OF', () => '+00'),
];

/** A part of a format: text as it is, or a template pattern by its name in capitals (`YYYY`, `Mon`), marked when it is modified. */
export type FormatPiece =
  | { readonly kind: 'text'; readonly text: string; readonly isQuoted: boolean }
  | {
      readonly kind: 'pattern';
      readonly name: string;
      /** The name without the marks. */
      readonly base: string;
      /** Without blanks and zeros in front: FM. */
      readonly isBare: boolean;
      /** `TH` or `th` behind it. */
      readonly ordinal: string;
      readonly write: (f: TimeFields) => string;
    };

interface Keyword {
  readonly spelled: string;
  readonly name: string;
  readonly write: (f: TimeFields, isBare: boolean) => string;
}

/** By first letter, longest first. */
const KEYWORDS: ReadonlyMap<string, readonly Keyword[]> = keywordsByLetter();

function keywordsByLetter(): Map<string, Keyword[]> {
  const numbers = NUMBERS.flatMap(([name, width, of]): Keyword[] =>
    [name, name.toLowerCase()].map((spelled) => ({
      spelled,
      name,
      write: (f, isBare) => padded(name, of(f), isBare ? 0 : width),
    })),
  );
  const texts = TEXTS.map(
    ([name, write]): Keyword => ({
      spelled: name,
      name,
      write: (f, isBare) => write(f, !isBare, name),
    }),
  );
  const byLetter = new Map<string, Keyword[]>();
  for (const keyword of [...numbers, ...texts].sort((a, b) => b.spelled.length - a.spelled.length)) {
    const list = byLetter.get(keyword.spelled[0]!) ?? [];
    list.push(keyword);
    byLetter.set(keyword.spelled[0]!, list);
  }
  return byLetter;
}

/** Hours, minutes and seconds of a negative interval have the sign in front of all their digits, other fields among them. */
function padded(name: string, value: number, width: number): string {
  if (value >= 0) return pad(value, width);
  return `-${pad(-value, /^(?:HH|MI|SS|CC)/.test(name) ? width : width - 1)}`;
}

/** Takes a format apart: patterns, text in double quotes as it is, anything else as it is. */
export function formatPieces(format: string): readonly FormatPiece[] {
  const pieces: FormatPiece[] = [];
  let isBare = false;
  for (let at = 0; at < format.length; ) {
    const rest = format.slice(at, at + 8);
    const quoted = format[at] === '"' ? /^"((?:[^"\\]|\\.)*)"?/s.exec(format.slice(at)) : null;
    const keyword = KEYWORDS.get(format[at]!)?.find(({ spelled }) => rest.startsWith(spelled));
    if (quoted !== null) {
      pieces.push({ kind: 'text', text: quoted[1]!.replace(/\\(.)/gs, '$1'), isQuoted: true });
      at += quoted[0].length;
    } else if (/^(?:FM|fm|TM|tm|FX|fx)/.test(rest)) {
      if (/^[ft]m/i.test(rest)) isBare = true;
      at += 2;
    } else if (keyword !== undefined) {
      at += keyword.spelled.length;
      const ordinal = /^(?:TH|th)/.exec(format.slice(at, at + 2))?.[0] ?? '';
      at += ordinal.length;
      pieces.push(patternPiece(keyword, isBare, ordinal));
      isBare = false;
    } else {
      if (rest.startsWith('\\"')) at++;
      pieces.push({ kind: 'text', text: format[at++]!, isQuoted: false });
    }
  }
  return pieces;
}

function patternPiece({ name, write }: Keyword, isBare: boolean, ordinal: string): FormatPiece {
  const marked = `${isBare ? 'FM' : ''}${name}${ordinal}`;
  const withOrdinal = (text: string): string =>
    ordinal === '' ? text : text + cased(ordinal, ordinalSuffix(text).toUpperCase());
  return { kind: 'pattern', name: marked, base: name, isBare, ordinal, write: (f) => withOrdinal(write(f, isBare)) };
}

function written(fields: TimeFields, pieces: readonly FormatPiece[]): string {
  return pieces.map((piece) => (piece.kind === 'text' ? piece.text : piece.write(fields))).join('');
}

/** `to_char(timestamp, format)`; `zone` is what TZ writes. */
export function formatTimestampAs(micros: bigint, pieces: readonly FormatPiece[], zone: string): string {
  const { days, timeOfDay } = splitTimestamp(micros);
  const date = dateOfDays(days);
  const dayOfYear = days - daysOfDate(date.year, 1, 1) + 1;
  return written({ ...date, ...clockOf(timeOfDay), isInterval: false, days, dayOfYear, zone }, pieces);
}

/** `to_char(interval, format)`. */
export function formatIntervalAs(interval: Interval, pieces: readonly FormatPiece[]): string {
  const { months, days } = interval;
  const fields: TimeFields = {
    ...clockOf(interval.micros),
    isInterval: true,
    year: Math.trunc(months / 12),
    month: months % 12,
    day: days,
    days,
    dayOfYear: months * 30 + days,
    zone: '',
  };
  return written(fields, pieces);
}

function clockOf(micros: bigint): Pick<TimeFields, 'hour' | 'minute' | 'second' | 'micros'> {
  const seconds = Number(micros / MICROS_PER_SECOND);
  return {
    hour: Math.trunc(seconds / 3600),
    minute: Math.trunc(seconds / 60) % 60,
    second: seconds % 60,
    micros: Number(micros % MICROS_PER_SECOND),
  };
}
