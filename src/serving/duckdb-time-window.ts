import type { WindowNode } from '../plan/node.ts';
import type { HoppingWindow, SessionWindow, TumblingWindow } from '../plan/window-shape.ts';

/** A query and how many columns it has: `c0`, `c1` ... */
interface Input {
  readonly sql: string;
  readonly columns: number;
}

/** The rows of the input with `window_start` and `window_end` as two more columns; a row without a time is in no window. */
export function timeWindowToDuckdb(node: WindowNode, input: Input): string {
  const time = `t.c${node.timeColumn}`;
  switch (node.window.kind) {
    case 'tumbling':
      return tumbling(node.window, time, input);
    case 'hopping':
      return hopping(node.window, time, input);
    case 'session':
      return session(node.window, time, input);
  }
}

/** The last multiple of the step not after the time, µs. */
function startBefore(time: string, stepUs: bigint, offsetUs: bigint): string {
  const shifted = `(epoch_us(${time}) - ${offsetUs})`;
  return `(${shifted} - ((${shifted} % ${stepUs}) + ${stepUs}) % ${stepUs} + ${offsetUs})`;
}

function tumbling({ sizeUs, offsetUs }: TumblingWindow, time: string, { sql, columns }: Input): string {
  const start = startBefore(time, sizeUs, offsetUs);
  const bounds = `make_timestamp(${start}) AS c${columns}, make_timestamp(${start} + ${sizeUs}) AS c${columns + 1}`;
  return `SELECT *, ${bounds} FROM (${sql}) t WHERE ${time} IS NOT NULL`;
}

function hopping({ sizeUs, slideUs, offsetUs }: HoppingWindow, time: string, { sql, columns }: Input): string {
  const last = startBefore(time, slideUs, offsetUs);
  const starts = `unnest(generate_series(${last}, epoch_us(${time}) - ${sizeUs} + 1, -${slideUs}))`;
  const bounds = `make_timestamp(h.s) AS c${columns}, make_timestamp(h.s + ${sizeUs}) AS c${columns + 1}`;
  const opened = `SELECT *, ${starts} AS s FROM (${sql}) t WHERE ${time} IS NOT NULL`;
  return `SELECT h.* EXCLUDE (s), ${bounds} FROM (${opened}) h`;
}

/** Rows in the order of time begin a session where the row before is further away than the gap. */
function session({ gapUs, keys }: SessionWindow, time: string, { sql, columns }: Input): string {
  const by = keys.map((key) => `t.c${key}`);
  const parted = by.length === 0 ? '' : `PARTITION BY ${by.join(', ')} `;
  const gap = `epoch_us(${time}) - epoch_us(lag(${time}) OVER (${parted}ORDER BY ${time})) <= ${gapUs}`;
  const begun = `SELECT *, CASE WHEN ${gap} THEN 0 ELSE 1 END AS b FROM (${sql}) t WHERE ${time} IS NOT NULL`;
  const numbered = `SELECT *, sum(b) OVER (${parted}ORDER BY ${time}) AS g FROM (${begun}) t`;
  const whole = `OVER (PARTITION BY ${[...by, 't.g'].join(', ')})`;
  const bounds = `min(${time}) ${whole} AS c${columns}, make_timestamp(epoch_us(max(${time}) ${whole}) + ${gapUs}) AS c${columns + 1}`;
  return `SELECT t.* EXCLUDE (b, g), ${bounds} FROM (${numbered}) t`;
}
