import { evaluationError } from '../evaluation-error.ts';
import { TEXT_LENGTH_MAX } from './limits.ts';

const invalid = (message: string): Error => evaluationError('PLAN_INVALID_ARGUMENT', message);

/** Words that PostgreSQL reserves, which a name must be quoted for (its manual, appendix C; those that cannot be column names). */
const RESERVED: ReadonlySet<string> = new Set(
  `all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast char character
check coalesce collate collation column concurrently constraint create cross current_catalog current_date current_role current_schema
current_time current_timestamp current_user dec decimal default deferrable desc distinct do else end except exists extract false fetch
float for foreign freeze from full grant greatest group grouping having ilike in initially inner inout int integer intersect interval
into is isnull join json json_array json_arrayagg json_object json_objectagg lateral leading least left like limit localtime
localtimestamp national natural nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay
placing position precision primary real references returning right row select session_user setof similar smallint some substring
symmetric system_user table tablesample then time timestamp to trailing treat trim true union unique user using values varchar variadic
verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize
xmltable`.split(/\s+/),
);

/** PostgreSQL's quote_literal: with an `E` in front when it has a backslash. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? `E${quoted}` : quoted;
}

/** PostgreSQL's quote_ident. */
export function quoteIdentifier(text: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(text) && !RESERVED.has(text) ? text : `"${text.replaceAll('"', '""')}"`;
}

const SPECIFIER = /%(?:(\d+)\$)?(-)?(?:(\d+)|\*(?:(\d+)\$)?)?(.?)/gsu;

/** PostgreSQL's format (its manual, section 9.4.1); the arguments are texts, or null. */
export function formatText(template: string, args: readonly (string | null)[]): string {
  let next = 0;
  const take = (position: string | undefined): string | null => {
    if (position === '0') throw invalid('format specifies argument 0, but arguments are numbered from 1');
    if (position !== undefined) next = Number(position) - 1;
    const found = args[next++];
    if (found === undefined) throw invalid('too few arguments for format()');
    return found;
  };
  return template.replace(
    SPECIFIER,
    (
      whole,
      position: string | undefined,
      minus: string | undefined,
      width: string | undefined,
      widthFrom: string | undefined,
      kind: string,
    ) => {
      if (whole === '%%') return '%';
      let size = width === undefined ? 0 : Number(width);
      if (width === undefined && whole.includes('*')) size = Number(take(widthFrom) ?? 0);
      if (Math.abs(size) > TEXT_LENGTH_MAX) throw evaluationError('PLAN_OUT_OF_RANGE', 'requested length too large');
      if (kind === '') throw invalid('unterminated format() type specifier');
      if (!'sIL'.includes(kind)) throw invalid(`unrecognized format() type specifier "${kind}"`);
      const text = conversion(kind, take(position));
      return minus !== undefined || size < 0 ? padEnd(text, Math.abs(size)) : padStart(text, size);
    },
  );
}

function conversion(kind: string, value: string | null): string {
  if (kind === 's') return value ?? '';
  if (kind === 'L') return value === null ? 'NULL' : quoteLiteral(value);
  if (value === null) throw invalid('null values cannot be formatted as an SQL identifier');
  return quoteIdentifier(value);
}

const padStart = (text: string, size: number): string => ' '.repeat(Math.max(0, size - Array.from(text).length)) + text;
const padEnd = (text: string, size: number): string => text + ' '.repeat(Math.max(0, size - Array.from(text).length));
