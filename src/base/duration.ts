import { HeadraceError } from './error.ts';
import { nearestName } from './nearest-name.ts';

/** Microseconds of each unit that has a fixed length; months and years have none and are refused. */
const UNIT_MICROS: ReadonlyMap<string, bigint> = new Map(
  (
    [
      [1n, 'us', 'µs', 'microsecond', 'microseconds'],
      [1_000n, 'ms', 'millisecond', 'milliseconds'],
      [1_000_000n, 's', 'sec', 'secs', 'second', 'seconds'],
      [60_000_000n, 'm', 'min', 'mins', 'minute', 'minutes'],
      [3_600_000_000n, 'h', 'hr', 'hrs', 'hour', 'hours'],
      [86_400_000_000n, 'd', 'day', 'days'],
      [604_800_000_000n, 'w', 'week', 'weeks'],
    ] as const
  ).flatMap(([micros, ...names]) => names.map((name): [string, bigint] => [name, micros])),
);

const TERM = /\s*(\d+)(?:\.(\d+))?\s*([a-zµ]+)\s*/iy;

/**
 * A duration as people write it, in microseconds: `5 seconds`, `1h`, `10ms`, `1 hour 30 minutes`.
 *
 * @throws HeadraceError `CONFIG_DURATION_INVALID` for an unknown unit, a bare number, a sign, or a fraction below a microsecond
 *
 * @example
 * ```ts
 * parseDurationUs('1.5 s'); // 1500000n
 * ```
 */
export function parseDurationUs(text: string): bigint {
  let total = 0n;
  TERM.lastIndex = 0;
  if (text.trim() === '') throw invalidDuration(text, 'it is empty');
  while (TERM.lastIndex < text.length) {
    const at = TERM.lastIndex;
    const term = TERM.exec(text);
    if (term === null) throw invalidDuration(text, `"${text.slice(at).trim()}" is not a number with a unit`);
    const [, whole = '', fraction = '', unit = ''] = term;
    const micros = UNIT_MICROS.get(unit.toLowerCase());
    if (micros === undefined) {
      const near = nearestName(unit, UNIT_MICROS.keys());
      throw invalidDuration(text, `unknown unit "${unit}"${near === undefined ? '' : ` (did you mean "${near}"?)`}`);
    }
    const divisor = 10n ** BigInt(fraction.length);
    const scaled = BigInt(whole + fraction) * micros;
    if (scaled % divisor !== 0n) throw invalidDuration(text, 'it is finer than a microsecond');
    total += scaled / divisor;
  }
  return total;
}

/** As {@link parseDurationUs}, in milliseconds, which may carry a fraction. */
export function parseDurationMs(text: string): number {
  return Number(parseDurationUs(text)) / 1000;
}

/** The shortest exact form with one unit: `90 s`, `5 min`, `1 h`. */
export function formatDurationUs(micros: bigint): string {
  const units: readonly (readonly [string, bigint])[] = [
    ['d', 86_400_000_000n],
    ['h', 3_600_000_000n],
    ['min', 60_000_000n],
    ['s', 1_000_000n],
    ['ms', 1_000n],
  ];
  if (micros === 0n) return '0 s';
  for (const [name, size] of units) if (micros % size === 0n) return `${micros / size} ${name}`;
  return `${micros} us`;
}

function invalidDuration(text: string, why: string): HeadraceError {
  return new HeadraceError(`reading duration "${text}": ${why}`, {
    code: 'CONFIG_DURATION_INVALID',
    domain: 'config',
    next: 'write for example "5 seconds", "10ms" or "1 hour 30 minutes"',
  });
}
