import { formatDurationUs, parseDurationMs } from '../duration.ts';
import { HeadraceError, messageOf, type SourcePosition } from '../error.ts';
import { nearestName } from '../nearest-name.ts';

/** One declaration per option: file, environment, flags, help, validation and reference all come from it. */
export interface Option<Value> {
  /** Dotted path in `headrace.yaml`; `HEADRACE_HTTP_PORT` and `--http-port` follow from it. */
  readonly name: string;
  readonly kind: 'text' | 'integer' | 'bytes' | 'duration' | 'boolean' | 'choice' | 'list' | 'path';
  readonly fallback: Value;
  /** For people: what it does, in one sentence. */
  readonly help: string;
  /** `ms`, `bytes`, ...: the unit of the parsed value. */
  readonly unit: string | undefined;
  /** Never printed; not accepted as a flag. */
  readonly secret: boolean;
  readonly choices: readonly string[] | undefined;
  /** Smallest and largest value, as they would be written; for the reference. */
  readonly range: string | undefined;
  /** @throws Error whose message says what is wrong with the text */
  parse(text: string): Value;
}

interface Common<Value> {
  readonly name: string;
  readonly fallback: Value;
  readonly help: string;
}

const BYTE_UNITS: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
]);

/** A size as people write it: `64MiB`, `1 GB`, `512B`. */
export function parseBytes(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*$/.exec(text);
  const [, number = '', unit = ''] = match ?? [];
  const size = BYTE_UNITS.get(unit);
  if (match === null) throw new Error(`"${text}" is not a size; write a number with a unit, as in 64MiB`);
  if (size === undefined) {
    const near = nearestName(unit, BYTE_UNITS.keys());
    throw new Error(`unknown unit "${unit}" in "${text}"${near === undefined ? '' : `, did you mean "${near}"?`}`);
  }
  return Math.round(Number(number) * size);
}

function parseInteger(text: string, min: number, max: number): number {
  if (!/^-?\d+$/.test(text.trim())) throw new Error(`"${text}" is not a whole number`);
  const value = Number(text);
  if (value < min || value > max) throw new Error(`${text} is not between ${min} and ${max}`);
  return value;
}

/** Bounds of a number with a unit, in that unit's smallest. */
interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

function bounded(parse: (text: string) => number, { min, max }: Bounds, show: (value: number) => string) {
  return (text: string): number => {
    const value = parse(text);
    if (min !== undefined && value < min) throw new Error(`"${text}" is less than ${show(min)}`);
    if (max !== undefined && value > max) throw new Error(`"${text}" is more than ${show(max)}`);
    return value;
  };
}

function rangeText({ min, max }: Bounds, show: (value: number) => string): string | undefined {
  if (min === undefined) return max === undefined ? undefined : `at most ${show(max)}`;
  return max === undefined ? `at least ${show(min)}` : `${show(min)} to ${show(max)}`;
}

/** In the largest binary unit that divides it. */
export function byteText(bytes: number): string {
  const units = ['TiB', 'GiB', 'MiB', 'KiB'];
  const at = units.findIndex((_, i) => bytes > 0 && bytes % 1024 ** (units.length - i) === 0);
  return at < 0 ? `${bytes}B` : `${bytes / 1024 ** (units.length - at)}${units[at]!}`;
}

export function durationText(ms: number): string {
  return formatDurationUs(BigInt(Math.round(ms * 1_000)));
}

function parseBoolean(text: string): boolean {
  if (/^(true|yes|on)$/i.test(text)) return true;
  if (/^(false|no|off)$/i.test(text)) return false;
  throw new Error(`"${text}" is neither true nor false`);
}

function parseChoice<Choice extends string>(text: string, choices: readonly Choice[]): Choice {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  const near = nearestName(text, choices);
  throw new Error(`"${text}" is none of ${choices.join(', ')}${near === undefined ? '' : `, did you mean "${near}"?`}`);
}

function make<Value>(
  kind: Option<Value>['kind'],
  common: Common<Value>,
  parse: (text: string) => Value,
  rest: Partial<Pick<Option<Value>, 'unit' | 'secret' | 'choices' | 'range'>> = {},
): Option<Value> {
  return Object.freeze({
    kind,
    ...common,
    unit: rest.unit,
    secret: rest.secret ?? false,
    choices: rest.choices,
    range: rest.range,
    parse,
  });
}

/** The kinds of options. An option without a value has `undefined` as its fallback where that is allowed. */
export const option = {
  text: <V extends string | undefined>(common: Common<V>): Option<string | V> =>
    make<string | V>('text', common, (text) => text),
  path: <V extends string | undefined>(common: Common<V>): Option<string | V> =>
    make<string | V>('path', common, (text) => text),
  secret: (common: Common<string | undefined>): Option<string | undefined> =>
    make<string | undefined>('text', common, (text) => text, { secret: true }),
  integer: <V extends number | undefined>(
    common: Common<V> & { readonly min: number; readonly max: number },
  ): Option<number | V> => {
    const { min, max, ...rest } = common;
    return make<number | V>('integer', rest as unknown as Common<number | V>, (text) => parseInteger(text, min, max), {
      range: rangeText({ min, max }, String),
    });
  },
  bytes: <V extends number | undefined>(common: Common<V> & Bounds): Option<number | V> => {
    const { min, max, ...rest } = common;
    const bounds = { ...(min !== undefined && { min }), ...(max !== undefined && { max }) };
    return make<number | V>('bytes', rest as unknown as Common<number | V>, bounded(parseBytes, bounds, byteText), {
      unit: 'bytes',
      range: rangeText(bounds, byteText),
    });
  },
  duration: <V extends number | undefined>(common: Common<V> & Bounds): Option<number | V> => {
    const { min, max, ...rest } = common;
    const bounds = { ...(min !== undefined && { min }), ...(max !== undefined && { max }) };
    return make<number | V>(
      'duration',
      rest as unknown as Common<number | V>,
      bounded(parseDurationMs, bounds, durationText),
      { unit: 'ms', range: rangeText(bounds, durationText) },
    );
  },
  boolean: (common: Common<boolean>): Option<boolean> => make('boolean', common, parseBoolean),
  choice: <Choice extends string>(common: Common<Choice> & { readonly choices: readonly Choice[] }): Option<Choice> => {
    const { choices, ...rest } = common;
    return make<Choice>('choice', rest as Common<Choice>, (text) => parseChoice(text, choices), { choices });
  },
  list: (common: Common<readonly string[]>): Option<readonly string[]> =>
    make<readonly string[]>('list', common, (text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    ),
};

/** `http.port` -> `HEADRACE_HTTP_PORT`. */
export function environmentName(name: string): string {
  return `HEADRACE_${name.replaceAll('.', '_').toUpperCase()}`;
}

/** `http.body_bytes_max` -> `http-body-bytes-max`, to be written after two dashes. */
export function flagName(name: string): string {
  return name.replaceAll(/[._]/g, '-');
}

/** Parses one value and says where it came from when it is wrong. @throws HeadraceError `CONFIG_VALUE_INVALID` */
export function parseOption<Value>(
  declared: Option<Value>,
  text: string,
  source: string,
  position?: SourcePosition,
): Value {
  try {
    return declared.parse(text);
  } catch (error) {
    throw new HeadraceError(
      `reading ${declared.name} from ${source}: ${declared.secret ? 'it is not valid' : messageOf(error)}`,
      {
        code: 'CONFIG_VALUE_INVALID',
        domain: 'config',
        cause: error,
        ...(position === undefined ? {} : { position }),
        next: `${declared.help.replace(/\.$/, '')} (${declared.kind})`,
      },
    );
  }
}
