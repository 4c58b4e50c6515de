import { describe, expect, it } from 'vitest';
import type { Column } from '../plan/data-type.ts';
import { explainPlan } from '../plan/explain.ts';
import { arrayType, TYPE } from '../plan/type-name.ts';
import { compileQuery } from './query.ts';

const COLUMNS: readonly Column[] = [
  { name: 'n', type: TYPE.int4, nullable: true },
  { name: 'name', type: TYPE.text, nullable: false },
  { name: 'at', type: TYPE.timestamptz, nullable: false },
  { name: 'tags', type: arrayType(TYPE.text), nullable: true },
  { name: 'doc', type: TYPE.jsonb, nullable: true },
];
const catalog = new Map([['t', COLUMNS]]);

const explained = async (expression: string): Promise<string> =>
  explainPlan(await compileQuery(`SELECT ${expression} AS x FROM t`, catalog));

describe('a form', () => {
  it.each([
    ["name = ANY (tags) AND n <> ALL ('{1,2}')"],
    ["name LIKE ANY (ARRAY['a%', 'b%'])"],
    ['(n, name) < (2, lower(name))'],
    ["(n, name) IN ((1, 'a'), (2, 'b'))"],
    ['tags[2:] || tags[1]'],
    ["doc['a'][0]"],
    ["at AT TIME ZONE 'Europe/Berlin'"],
    ["name SIMILAR TO 'a#%' ESCAPE '#'"],
    ['n BETWEEN SYMMETRIC 3 AND 1'],
    ['@ -n + |/ n'],
    ['name::varchar(3) COLLATE "C"'],
    ["tags @> ARRAY['a'] OR tags && '{b}'"],
    ['make_interval(hours => n)'],
    ['age(at)'],
  ])('%s', async (expression) => {
    expect(await explained(expression)).toMatchSnapshot();
  });

  it.each([
    ['random()', 8, 'random is volatile'],
    ['n + gen_random_uuid()', 12, 'md5(key)::uuid'],
    ['ARRAY[]', 8, 'ARRAY[]::text[]'],
    ["ARRAY[1, 'x']", 17, 'invalid input syntax for type integer'],
    ['n[1]', 8, 'cannot subscript type integer'],
    ['(n, name) = (1, 2, 3)', 18, 'unequal number of entries'],
    ['(n, name) || (1, 2)', 18, 'between rows'],
    ['name COLLATE "de_DE"', 8, 'collation "de_DE" is not supported'],
    ['name ~ ANY (tags)', 13, 'of a computed array'],
    ['make_interval(fortnights => 2)', 8, 'has no such argument'],
    ['array_apend(tags, name)', 8, 'did you mean "array_append"?'],
    ["regexp_mach(name, 'x')", 8, 'did you mean "regexp_match"?'],
    ['tags @> ARRAY[1]', 13, 'operator does not exist: text[] @> integer[]'],
    ["to_char(doc, 'x')", 8, 'does not exist'],
  ])('%s is refused at its place', async (expression, column, message) => {
    await expect(compileQuery(`SELECT ${expression} FROM t`, catalog)).rejects.toMatchObject({
      position: { line: 1, column },
      message: expect.stringContaining(message) as string,
    });
  });
});
