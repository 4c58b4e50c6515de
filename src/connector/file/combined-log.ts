/** One request of a web server, as the `combined` log format of Apache and nginx writes it. */
export interface CombinedRequest {
  readonly ip: string;
  readonly user: string;
  /** Milliseconds since the Unix epoch. */
  readonly timeMs: number;
  readonly method: string;
  readonly path: string;
  readonly protocol: string;
  readonly status: number;
  readonly bytes: number;
  readonly referrer: string;
  readonly agent: string;
}

/** `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"` (Apache HTTP Server 2.4, mod_log_config). */
const LINE =
  /^(\S+) \S+ (\S+) \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"\s*$/;
const TIME = /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})$/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The request of a line, or undefined when it is not one whole line of the format. */
export function parseCombinedLine(line: string): CombinedRequest | undefined {
  const match = LINE.exec(line);
  if (match === null) return undefined;
  const [, ip, user, time, request, status, bytes, referrer, agent] = match as unknown as string[];
  const timeMs = parseTime(time!);
  if (timeMs === undefined) return undefined;
  const text = unescaped(request!);
  const parts = /^(\S+) (\S+)(?: (\S+))?$/.exec(text);
  return {
    ip: ip!,
    user: user!,
    timeMs,
    method: parts?.[1] ?? '-',
    path: parts?.[2] ?? (text === '' ? '-' : text),
    protocol: parts?.[3] ?? '-',
    status: Number(status),
    bytes: bytes === '-' ? 0 : Number(bytes),
    referrer: unescaped(referrer!),
    agent: unescaped(agent!),
  };
}

function parseTime(text: string): number | undefined {
  const match = TIME.exec(text);
  if (match === null) return undefined;
  const [day, year, hour, minute, second] = [1, 3, 4, 5, 6].map((group) => Number(match[group]));
  const month = MONTHS.indexOf(match[2]!);
  const utc = Date.UTC(year!, month, day!, hour!, minute!, second!);
  const isReal = month >= 0 && new Date(utc).getUTCDate() === day && hour! < 24 && minute! < 60 && second! <= 60;
  if (!isReal) return undefined;
  const offsetMinutes = Number(match[8]) * 60 + Number(match[9]);
  return utc - (match[7] === '-' ? -1 : 1) * offsetMinutes * 60_000;
}

/** Quotes and backslashes are escaped by a backslash; `\xhh` stays as it was written. */
function unescaped(text: string): string {
  return text.includes('\\') ? text.replace(/\\(["\\])/g, '$1') : text;
}

/** The request as a JSON event; `timeMs` may be another than the log's. */
export function combinedEvent(request: CombinedRequest, id: string, timeMs: number): string {
  const { ip, user, method, path, protocol, status, bytes, referrer, agent } = request;
  const time = new Date(timeMs).toISOString();
  return JSON.stringify({ id, time, ip, user, method, path, protocol, status, bytes, referrer, agent });
}
