import { ARRAY_EXAMPLES } from './sql-examples/array.ts';
import { BYTE_EXAMPLES } from './sql-examples/byte.ts';
import { exampleGroup as group, type SqlExample } from './sql-examples/example.ts';
import { JSON_EXAMPLES } from './sql-examples/json.ts';
import { NETWORK_EXAMPLES } from './sql-examples/network.ts';
import { NUMBER_EXAMPLES } from './sql-examples/number.ts';
import { REGULAR_EXPRESSION_EXAMPLES } from './sql-examples/regular-expression.ts';
import { TEXT_EXAMPLES } from './sql-examples/text.ts';
import { TIME_EXAMPLES } from './sql-examples/time.ts';

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
    ['num_nulls(a, b, ...)', 'how many are null', 'num_nulls(1, NULL)', '1'],
    ['num_nonnulls(a, b, ...)', 'how many are not', 'num_nonnulls(1, NULL)', '1'],
    ['least(a, b, ...)', 'the smallest; nulls are passed over', 'least(1, NULL, 3)', '1'],
  ]),
  ...group('Comparison', [
    ['a = b, a <> b, a != b', 'equal or not; null when either is', '1 = 1.0', 'true'],
    ['a < b, <=, >, >=', 'the order of the type; texts by code point', "'B' < 'a'", 'true'],
    ['a BETWEEN b AND c', 'b <= a and a <= c', '2 BETWEEN 1 AND 2', 'true'],
    ['a BETWEEN SYMMETRIC b AND c', 'whichever of b and c is the smaller', '2 BETWEEN SYMMETRIC 3 AND 1', 'true'],
    ['(a, b) < (c, d), with any comparison', 'rows, from the left', '(1, 2) < (1, 3)', 'true'],
    ['(a, b) IN ((c, d), ...)', 'equal to one of these rows', '(1, 2) IN ((1, 2), (3, 4))', 'true'],
    ['a IN (b, c, ...)', 'equal to one of them', '3 IN (1, 2)', 'false'],
    ['a IS DISTINCT FROM b', 'unequal, null being a value like others', 'NULL IS DISTINCT FROM 1', 'true'],
    ['a IS NOT DISTINCT FROM b', 'equal, null being a value like others', 'NULL IS NOT DISTINCT FROM NULL', 'true'],
  ]),
  ...NUMBER_EXAMPLES,
  ...TEXT_EXAMPLES,
  ...REGULAR_EXPRESSION_EXAMPLES,
  ...BYTE_EXAMPLES,
  ...TIME_EXAMPLES,
  ...JSON_EXAMPLES,
  ...ARRAY_EXAMPLES,
  ...NETWORK_EXAMPLES,
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
  similar_to: 'SIMILAR TO',
  bitwise_and: 'a & b',
  bitwise_or: 'a | b',
  bitwise_xor: 'a # b',
  bitwise_not: '~a',
  shift_left: 'a << n',
  shift_right: 'a >> n',
  overlaps: 'OVERLAPS',
  array: 'ARRAY[',
  array_element: 'a[n]',
  array_slice: 'a[m:n]',
  contains: '@>',
  contained_by: '<@',
  overlap: '&&',
  ...Object.fromEntries(
    ['eq', 'ne', 'lt', 'le', 'gt', 'ge'].flatMap((name) => [
      [`${name}_any`, '= ANY'],
      [`${name}_all`, '<> ALL'],
    ]),
  ),
};
