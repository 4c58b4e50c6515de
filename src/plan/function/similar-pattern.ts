import { evaluationError } from '../evaluation-error.ts';

const invalid = (message: string): Error => evaluationError('PLAN_INVALID_ARGUMENT', message);

/**
 * The regular expression that means the same as a SIMILAR TO pattern (PostgreSQL manual, section 9.7.2): `%` any text, `_` one
 * character, `| * + ? {m,n} () []` as there; everything else as it stands. Two escaped double quotes enclose what
 * `substring` gives.
 */
export function similarPattern(pattern: string, escapeWith = '\\'): string {
  const points = Array.from(pattern);
  if (Array.from(escapeWith).length > 1) throw invalid('invalid escape string: it must be empty or one character');
  let result = '^(?:';
  let separators = 0;
  for (let at = 0; at < points.length; at++) {
    const point = points[at]!;
    if (point === escapeWith && escapeWith !== '') {
      const next = points[++at];
      if (next === '"') result += separator(++separators);
      else if (next !== undefined) result += quoted(next);
    } else if (point === '[') {
      const end = bracketEnd(points, at);
      result += points.slice(at, end).join('').replaceAll('\\', '\\\\');
      at = end - 1;
    } else if (point === '%') result += '.*';
    else if (point === '_') result += '.';
    else if (point === '(') result += '(?:';
    else if (/^[|*+?{})]$/.test(point)) result += point;
    else result += quoted(point);
  }
  return `${result})$`;
}

/** The part before takes as little as it can. */
function separator(number: number): string {
  if (number > 2) throw invalid('SQL regular expression may not contain more than two escape-double-quote separators');
  return number === 1 ? '){1,1}?(' : '){1,1}(?:';
}

function quoted(point: string): string {
  return /^[\p{L}\p{N}\s_]$/u.test(point) ? point : `\\${point}`;
}

/** Behind the bracket that closes a class. */
function bracketEnd(points: readonly string[], start: number): number {
  let at = start + 1;
  if (points[at] === '^') at++;
  if (points[at] === ']') at++;
  while (at < points.length && points[at] !== ']') at++;
  return at + 1;
}
