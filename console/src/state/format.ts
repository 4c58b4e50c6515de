/** Numbers, times and bytes for people: short, of steady width, always with their unit. */

const NONE = '–';

export function formatCount(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return NONE;
  const size = Math.abs(value);
  if (size >= 999_500_000) return `${(value / 1e9).toFixed(2)} G`;
  if (size >= 999_500) return `${(value / 1e6).toFixed(2)} M`;
  if (size >= 100_000) return `${(value / 1e3).toFixed(0)} K`;
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(size >= 10 ? 0 : 1);
}

export function formatRate(value: number | undefined): string {
  return value === undefined ? NONE : `${formatCount(value)}/s`;
}

export function formatMs(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return NONE;
  if (value < 10) return `${value.toFixed(1)} ms`;
  if (value < 1000) return `${value.toFixed(0)} ms`;
  return formatSpan(value);
}

/** A span of time in its two largest units. */
export function formatSpan(ms: number | undefined): string {
  if (ms === undefined) return NONE;
  if (ms === Number.POSITIVE_INFINITY) return 'forever';
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const units: readonly (readonly [string, number])[] = [
    ['y', 31_557_600],
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  const [name = 's', size = 1] = units[first] ?? [];
  const whole = Math.floor(seconds / size);
  const [nextName, nextSize = 1] = units[first + 1] ?? [];
  const rest = Math.floor((seconds - whole * size) / nextSize);
  return nextName === undefined || rest === 0 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${nextName}`;
}

export function formatBytes(value: number | undefined): string {
  if (value === undefined) return NONE;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY_CLOCK = new Intl.DateTimeFormat('en-GB', {
  day: '2-digit',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});

/** Local time of day; with the date when it is not today. */
export function formatTime(ms: number | undefined, nowMs = Date.now()): string {
  if (ms === undefined || !Number.isFinite(ms)) return NONE;
  const date = new Date(ms);
  return date.toDateString() === new Date(nowMs).toDateString() ? CLOCK.format(date) : DAY_CLOCK.format(date);
}

/** How far event time is behind the clock. */
export function formatDelay(watermark: number | undefined, nowMs: number): string {
  if (watermark === undefined) return 'no watermark';
  if (watermark === Number.POSITIVE_INFINITY) return 'complete';
  return `${formatSpan(nowMs - watermark)} behind`;
}

/** A cell of a table, as text. */
export function formatCell(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return formatNumber(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** All that is exact; binary fractions are cut to what a person reads. */
function formatNumber(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en-US', { useGrouping: Math.abs(value) >= 10_000 });
  return String(Number(value.toPrecision(10)));
}

/** The first bytes as a hex dump: offset, sixteen bytes, their ASCII. */
export function hexDump(bytes: Uint8Array, bytesMax: number): string {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, bytesMax); at += 16) {
    const line = bytes.subarray(at, Math.min(at + 16, bytesMax));
    const hex = Array.from(line, (byte, i) => (i === 8 ? ' ' : '') + byte.toString(16).padStart(2, '0')).join(' ');
    const ascii = Array.from(line, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex.padEnd(49)}  ${ascii}`);
  }
  return lines.join('\n');
}

/** The bytes as text, or undefined when they are not valid UTF-8. */
export function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
