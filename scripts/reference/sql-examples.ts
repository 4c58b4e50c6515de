/** How a function is written in SQL, what it does, and an example that a test runs, also on the query database. */
export interface SqlExample {
  readonly group: string;
  readonly write: string;
  readonly does: string;
  /** An expression, or a whole query when it begins with SELECT. */
  readonly example: string;
  /** As text, the way a query prints it; null for null. */
  readonly result: string | null;
}

const group = (name: string, entries: readonly (readonly [string, string, string, string | null])[]): SqlExample[] =>
  entries.map(([write, does, example, result]) => ({ group: name, write, does, example, result }));

const over = (aggregate: string): string => `SELECT ${aggregate} AS result FROM (VALUES (1), (2), (2), (NULL)) AS t(x)`;

export const SQL_EXAMPLES: readonly SqlExample[] = [
  ...group('Logic', [
    ['a AND b, a OR b, NOT a', 'three-valued: unknown (null) decides nothing', 'NULL OR true', 'true'],
    ['a IS NULL, a IS NOT NULL', 'whether there is a value', 'NULL::text IS NULL', 'true'],
    [
      'a IS TRUE, IS FALSE, IS UNKNOWN, IS NOT ...',
      'as a test that is never null',
      'NULL::boolean IS NOT TRUE',
      'true',
    ],
    [
      'CASE WHEN c THEN a ... ELSE b END',
      'the first branch whose condition is true',
      "CASE WHEN 2 > 1 THEN 'yes' ELSE 'no' END",
      'yes',
    ],
    ['coalesce(a, b, ...)', 'the first that is not null', 'coalesce(NULL, 2, 3)', '2'],
    ['nullif(a, b)', 'null when both are equal, else a', 'nullif(0, 0)', null],
    ['greatest(a, b, ...)', 'the largest; nulls are passed over', 'greatest(1, NULL, 3)', '3'],
    ['least(a, b, ...)', 'the smallest; nulls are passed over', 'least(1, NULL, 3)', '1'],
  ]),
  ...group('Comparison', [
    ['a = b, a <> b, a != b', 'equal or not; null when either is', '1 = 1.0', 'true'],
    ['a < b, <=, >, >=', 'the order of the type; texts by code point', "'B' < 'a'", 'true'],
    ['a BETWEEN b AND c', 'b <= a and a <= c', '2 BETWEEN 1 AND 2', 'true'],
    ['a IN (b, c, ...)', 'equal to one of them', '3 IN (1, 2)', 'false'],
    ['a IS DISTINCT FROM b', 'unequal, null being a value like others', 'NULL IS DISTINCT FROM 1', 'true'],
    ['a IS NOT DISTINCT FROM b', 'equal, null being a value like others', 'NULL IS NOT DISTINCT FROM NULL', 'true'],
  ]),
  ...group('Numbers', [
    ['a + b, a - b, a * b', 'exact for integers and numeric; out of range is an error', '0.1 + 0.2', '0.3'],
    ['a / b', 'integers divide towards zero', '-7 / 2', '-3'],
    ['a % b, mod(a, b)', 'the remainder, with the sign of a', '-7 % 2', '-1'],
    ['-a', 'negated', '-(2 - 3)', '1'],
    ['a ^ b, power(a, b)', 'of double precision', 'power(2, 10)', '1024'],
    ['abs(a)', 'without the sign', 'abs(-1.5)', '1.5'],
    ['sign(a)', '-1, 0 or 1', 'sign(-8.4)', '-1'],
    ['ceil(a), ceiling(a)', 'the next whole number up', 'ceil(-1.5)', '-1'],
    ['floor(a)', 'the next whole number down', 'floor(-1.5)', '-2'],
    [
      'round(a), round(a, digits)',
      'numeric half away from zero, double precision half to even',
      'round(2.345, 2)',
      '2.35',
    ],
    ['trunc(a), trunc(a, digits)', 'towards zero', 'trunc(-2.78, 1)', '-2.7'],
    ['sqrt(a)', 'the square root', 'sqrt(2.25::float8)', '1.5'],
  ]),
  ...group('Text', [
    ['a || b, concat(a, b, ...)', 'joined; || is null when one is, concat passes nulls over', "'a' || 'b'", 'ab'],
    ['length(a), char_length(a)', 'code points', "length('über😀')", '5'],
    ['octet_length(a)', 'bytes of UTF-8', "octet_length('é')", '2'],
    ['lower(a)', 'small letters', "lower('ÀB')", 'àb'],
    ['upper(a)', 'capitals', "upper('àb')", 'ÀB'],
    ['substring(a, from, count), substr(...)', 'a part; positions from 1', "substring('abcdef', 2, 3)", 'bcd'],
    ['left(a, n)', 'the first n; all but the last -n', "left('abcde', 2)", 'ab'],
    ['right(a, n)', 'the last n; all but the first -n', "right('abcde', -2)", 'cde'],
    ['split_part(a, separator, n)', 'the n-th part; negative from the end', "split_part('/docs/api', '/', 2)", 'docs'],
    ['strpos(a, part)', 'where the part begins, from 1; 0 when it is not there', "strpos('abc', 'c')", '3'],
    ['starts_with(a, part)', 'whether it begins so', "starts_with('/docs/api', '/docs')", 'true'],
    ['replace(a, from, to)', 'every occurrence', "replace('a-b-c', '-', '.')", 'a.b.c'],
    ['reverse(a)', 'backwards', "reverse('abc')", 'cba'],
    ['repeat(a, n)', 'n times', "repeat('ab', 2)", 'abab'],
    ['lpad(a, n, fill)', 'filled up at the left to n, or cut', "lpad('7', 3, '0')", '007'],
    ['rpad(a, n, fill)', 'filled up at the right to n, or cut', "rpad('ab', 4, '.')", 'ab..'],
    [
      'trim(a), btrim(a, characters)',
      'without these at both ends; spaces when none are named',
      "btrim('--a-', '-')",
      'a',
    ],
    ['ltrim(a, characters)', 'at the left end', "ltrim('  a ')", 'a '],
    ['rtrim(a, characters)', 'at the right end', "rtrim('a//', '/')", 'a'],
    ['a LIKE pattern', '% is any text, _ one character', "'/docs/api' LIKE '/docs/%'", 'true'],
    ['a ILIKE pattern', 'the same, whatever the case', "'ABC' ILIKE 'a_c'", 'true'],
    ['a ~ pattern, a !~ pattern', 'a regular expression', "'abc' ~ '^a.c$'", 'true'],
    ['a ~* pattern, a !~* pattern', 'the same, whatever the case', "'ABC' ~* 'b'", 'true'],
  ]),
  ...group('Time', [
    ['now(), CURRENT_TIMESTAMP', 'the clock reading of the epoch or query', 'now() = CURRENT_TIMESTAMP', 'true'],
    [
      'a + interval, a - interval',
      'months keep the day where they can',
      "DATE '2026-01-31' + INTERVAL '1 month'",
      '2026-02-28 00:00:00',
    ],
    ['a - b', 'of timestamps an interval, of dates days', "DATE '2026-03-01' - DATE '2026-02-01'", '28'],
    [
      'date_trunc(unit, a)',
      'cut to the unit',
      "date_trunc('hour', TIMESTAMP '2026-01-31 12:34:56')",
      '2026-01-31 12:00:00',
    ],
    ['extract(field FROM a)', 'a part of it, numeric', "extract(isodow FROM DATE '2026-01-31')", '6'],
    ['date_part(field, a)', 'the same, double precision', "date_part('minute', TIMESTAMP '2026-01-31 12:34:56')", '34'],
    [
      'to_char(a, format)',
      'as text',
      "to_char(TIMESTAMP '2026-01-31 12:34:56', 'YYYY-MM-DD HH24:MI')",
      '2026-01-31 12:34',
    ],
    [
      'to_timestamp(seconds)',
      'from seconds since the Unix epoch',
      "to_timestamp(0) = TIMESTAMPTZ '1970-01-01 00:00:00Z'",
      'true',
    ],
  ]),
  ...group('JSON', [
    ["a -> 'key', a -> index", 'a member or element, jsonb', `('{"a": "x"}'::jsonb) -> 'a'`, '"x"'],
    ["a ->> 'key', a ->> index", 'the same as text', `('{"a": "x"}'::jsonb) ->> 'a'`, 'x'],
    ["a #> '{path}'", 'what the path leads to, jsonb', `('{"a": {"b": 2}}'::jsonb) #> '{a,b}'`, '2'],
    ["a #>> '{path}'", 'the same as text', `('{"a": [{"b": "x"}]}'::jsonb) #>> '{a,0,b}'`, 'x'],
    ['jsonb_typeof(a)', 'object, array, string, number, boolean or null', `jsonb_typeof('[1]'::jsonb)`, 'array'],
    ['jsonb_array_length(a)', 'elements of an array', `jsonb_array_length('[1, 2]'::jsonb)`, '2'],
  ]),
  ...group('Casts', [
    ['a::type, CAST(a AS type)', 'converted; what does not fit is an error', "'12.50'::numeric(6, 1)", '12.5'],
  ]),
  ...group('Aggregates', [
    ['count(*)', 'rows', over('count(*)'), '4'],
    ['count(a)', 'rows where a is not null', over('count(x)'), '3'],
    ['count(DISTINCT a)', 'different values', over('count(DISTINCT x)'), '2'],
    ['sum(a)', 'exact for integers and numeric; of double precision the same in any order', over('sum(x)'), '5'],
    ['avg(a)', 'numeric for integers and numeric', over('avg(x::float8)'), '1.6666666666666667'],
    ['min(a)', 'the smallest', over('min(x)'), '1'],
    ['max(a)', 'the largest', over('max(x)'), '2'],
    ['aggregate FILTER (WHERE condition)', 'of those rows only', over('count(*) FILTER (WHERE x > 1)'), '2'],
  ]),
];

/** What pipelines can and ad-hoc queries cannot; a test keeps the list true. */
export const PIPELINES_ONLY: readonly string[] = ['to_char(', 'jsonb_typeof(', 'jsonb_array_length('];

/** Catalogue names and the spelling above that stands for them, where the two differ. */
export const SQL_SPELLINGS: Readonly<Record<string, string>> = {
  and: 'AND',
  or: 'OR',
  not: 'NOT',
  is_null: 'IS NULL',
  is_not_null: 'IS NOT NULL',
  is_true: 'IS TRUE',
  is_not_true: 'IS NOT ...',
  is_false: 'IS FALSE',
  is_not_false: 'IS NOT ...',
  is_distinct_from: 'IS DISTINCT FROM',
  is_not_distinct_from: 'IS NOT DISTINCT FROM',
  eq: '=',
  ne: '<>',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
  modulo: '%',
  negate: '-a',
  position: 'strpos',
  like: 'LIKE',
  ilike: 'ILIKE',
  matches: '~',
  imatches: '~*',
  json_get: '->',
  json_get_text: '->>',
  json_path: '#>',
  json_path_text: '#>>',
};
