import { evaluationError } from '../evaluation-error.ts';
import { daysOfDate, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND } from './calendar.ts';

/** Zones that are kept with their transitions. */
const ZONES_KEPT_MAX = 1_000;
/** Years whose transitions a zone keeps. */
const YEARS_KEPT_MAX = 2_000;
/** No two transitions lie closer: the samples between which one is searched for. */
const SAMPLE_SECONDS = 7 * 86_400;
const YEAR_SECONDS = 31_556_952;
/** What a JavaScript date can hold, in seconds: beyond it the last offset stays. */
const SECONDS_MAX = 8_640_000_000_000;

/** A time zone: what is to be added to UTC to give local time. */
export interface TimeZone {
  /** Offset at a moment, µs east of UTC. */
  offsetAt(utcMicros: bigint): bigint;
}

/** The local time of a moment. */
export function toLocal(zone: TimeZone, utcMicros: bigint): bigint {
  return utcMicros + zone.offsetAt(utcMicros);
}

/**
 * The moment of a local time. As PostgreSQL: a time that the clock skips is taken by the offset before the change; one that it
 * shows twice, by the offset after it.
 */
export function toUtc(zone: TimeZone, localMicros: bigint): bigint {
  const before = zone.offsetAt(localMicros - MICROS_PER_DAY);
  const after = zone.offsetAt(localMicros + MICROS_PER_DAY);
  if (before === after) {
    const at = zone.offsetAt(localMicros - before);
    if (at === before) return localMicros - before;
  }
  const late = localMicros - after;
  if (zone.offsetAt(late) === after) return late;
  return localMicros - before;
}

class FixedZone implements TimeZone {
  readonly #offset: bigint;

  constructor(offset: bigint) {
    this.#offset = offset;
  }

  offsetAt(): bigint {
    return this.#offset;
  }
}

interface Period {
  readonly startSeconds: number;
  readonly offsetSeconds: number;
}

/** A zone of the IANA database, as the JavaScript runtime has it; the offsets of a year are found once. */
class IanaZone implements TimeZone {
  readonly #format: Intl.DateTimeFormat;
  readonly #years = new Map<number, readonly Period[]>();

  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  offsetAt(utcMicros: bigint): bigint {
    const exact = Number(utcMicros / MICROS_PER_SECOND) - (utcMicros % MICROS_PER_SECOND < 0n ? 1 : 0);
    const seconds = Math.min(Math.max(exact, -SECONDS_MAX), SECONDS_MAX);
    const year = Math.floor(seconds / YEAR_SECONDS);
    let periods = this.#years.get(year);
    if (periods === undefined) {
      periods = this.#periodsOf(year);
      if (this.#years.size >= YEARS_KEPT_MAX) this.#years.clear();
      this.#years.set(year, periods);
    }
    let found = periods[0]!;
    for (const period of periods) if (period.startSeconds <= seconds) found = period;
    return BigInt(found.offsetSeconds) * MICROS_PER_SECOND;
  }

  #periodsOf(year: number): readonly Period[] {
    const end = Math.min((year + 1) * YEAR_SECONDS, SECONDS_MAX);
    let at = Math.max(year * YEAR_SECONDS, -SECONDS_MAX);
    const periods: Period[] = [{ startSeconds: at, offsetSeconds: this.#offset(at) }];
    while (at < end) {
      const next = Math.min(at + SAMPLE_SECONDS, end);
      const { offsetSeconds } = periods.at(-1)!;
      if (this.#offset(next) !== offsetSeconds) {
        const startSeconds = this.#changeBetween(at, next, offsetSeconds);
        periods.push({ startSeconds, offsetSeconds: this.#offset(startSeconds) });
        at = startSeconds;
      } else at = next;
    }
    return periods;
  }

  /** The first second whose offset is another. */
  #changeBetween(low: number, high: number, offset: number): number {
    let [from, to] = [low, high];
    while (to - from > 1) {
      const middle = Math.floor((from + to) / 2);
      if (this.#offset(middle) === offset) from = middle;
      else to = middle;
    }
    return to;
  }

  #offset(seconds: number): number {
    const parts: Record<string, string> = {};
    for (const { type, value } of this.#format.formatToParts(seconds * 1000)) parts[type] = value;
    const year = parts.era === 'BC' ? 1 - Number(parts.year) : Number(parts.year);
    const days = daysOfDate(year, Number(parts.month), Number(parts.day));
    const local = days * 86_400 + Number(parts.hour) * 3600 + Number(parts.minute) * 60 + Number(parts.second);
    return local - seconds;
  }
}

/** Abbreviations that PostgreSQL knows by default and that mean one offset (its timezonesets/Default), in hours. */
const ABBREVIATIONS: Readonly<Record<string, number>> = {
  UTC: 0,
  GMT: 0,
  Z: 0,
  ZULU: 0,
  UT: 0,
  WET: 0,
  WEST: 1,
  BST: 1,
  CET: 1,
  MET: 1,
  CEST: 2,
  MEST: 2,
  EET: 2,
  EEST: 3,
  MSK: 3,
  MSD: 4,
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
  AKST: -9,
  AKDT: -8,
  HST: -10,
  AST: -4,
  ADT: -3,
  NST: -3.5,
  NDT: -2.5,
  BRT: -3,
  ART: -3,
  SAST: 2,
  EAT: 3,
  IST: 2,
  PKT: 5,
  NPT: 5.75,
  ICT: 7,
  WIB: 7,
  SGT: 8,
  HKT: 8,
  PHT: 8,
  AWST: 8,
  JST: 9,
  KST: 9,
  ACST: 9.5,
  ACDT: 10.5,
  AEST: 10,
  AEDT: 11,
  NZST: 12,
  NZDT: 13,
};

const OFFSET = /^([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?$/;
const POSIX = /^(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]+>)?([+-]?)(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?$/;
const OFFSET_MAX = 16n * MICROS_PER_HOUR;

const zones = new Map<string, TimeZone | undefined>();

/** A zone for `AT TIME ZONE`: an IANA name, an abbreviation, or POSIX's form, whose offsets count to the west. */
export function timeZone(name: string): TimeZone {
  const key = name.trim().toLowerCase();
  const found = zones.has(key) ? zones.get(key) : (namedZone(key) ?? posixZone(name.trim()));
  if (zones.size >= ZONES_KEPT_MAX) zones.clear();
  zones.set(key, found);
  if (found === undefined)
    throw evaluationError('PLAN_INVALID_ARGUMENT', `time zone "${name.slice(0, 100)}" not recognized`);
  return found;
}

/** A zone behind a time in a text: an offset to the east, an abbreviation or an IANA name; undefined for anything else. */
export function zoneSuffix(text: string): TimeZone | undefined {
  const match = OFFSET.exec(text);
  if (match === null) return namedZone(text.toLowerCase());
  const offset = clockMicros(match);
  return offset > OFFSET_MAX ? undefined : new FixedZone(match[1] === '-' ? -offset : offset);
}

/** @throws HeadraceError `PLAN_INVALID_ARGUMENT` */
export function intervalZone(months: number, days: number, micros: bigint): TimeZone {
  if (months !== 0 || days !== 0) {
    throw evaluationError('PLAN_INVALID_ARGUMENT', 'interval time zone must not include months or days');
  }
  return new FixedZone(micros);
}

function namedZone(key: string): TimeZone | undefined {
  const hours = ABBREVIATIONS[key.toUpperCase()];
  if (hours !== undefined) return new FixedZone(BigInt(hours * 60) * MICROS_PER_MINUTE);
  if (!/^[a-z]/.test(key)) return undefined;
  try {
    return new IanaZone(key);
  } catch {
    return undefined;
  }
}

function posixZone(name: string): TimeZone | undefined {
  const match = POSIX.exec(name);
  if (match === null) return undefined;
  const offset = clockMicros(match);
  return offset > OFFSET_MAX * 10n ? undefined : new FixedZone(match[1] === '-' ? offset : -offset);
}

function clockMicros(match: RegExpExecArray): bigint {
  const seconds = (Number(match[2]) * 60 + Number(match[3] ?? 0)) * 60 + Number(match[4] ?? 0);
  return BigInt(seconds) * MICROS_PER_SECOND;
}
