import { expect, test } from 'vitest';
import type { DataType } from '../../plan/data-type.ts';
import type { SourceColumn } from '../../plan/node.ts';
import { elementsOf, parseExactly } from '../../plan/value/exact-json.ts';
import { foundInJson, foundInTexts, type LookupTarget } from './lookup-source.ts';

const column = (name: string, type: DataType, ...path: readonly string[]): SourceColumn => ({
  name,
  type,
  nullable: true,
  path: path.length === 0 ? [name] : path,
});
const targetOf = (...found: readonly SourceColumn[]): LookupTarget =>
  ({ kind: 'lookup', name: 'l', keyNames: [], keyTypes: [], found }) as unknown as LookupTarget;

const TARGET = targetOf(
  column('id', { kind: 'int8' }),
  column('price', { kind: 'numeric' }),
  column('ids', { kind: 'array', element: { kind: 'int8' } }),
  column('all', { kind: 'jsonb' }),
  column('ratio', { kind: 'float8' }),
);
const TEXT =
  '{"id": 9007199254740993, "price": 12345678901234567890.12, "ids": [9223372036854775807, 1], "all": {"n": 1.5}, "ratio": 0.1234567890123456789}';
const FOUND = [
  '9007199254740993',
  '12345678901234567890.12',
  '{9223372036854775807,1}',
  '{"n": 1.5}',
  '0.12345678901234568',
];

test('digits beyond what a double holds stay in int8 and numeric', () => {
  expect(foundInJson(parseExactly(TEXT), TARGET, [])).toEqual(FOUND);
});

test('and so they do in an element of an array, and inside of JSON text that a column holds', () => {
  const [row] = elementsOf(parseExactly(`[${TEXT}]`));
  expect(foundInJson(row!, TARGET, [])).toEqual(FOUND);
  const inner = targetOf(
    column('id', { kind: 'int8' }, 'doc', 'id'),
    column('price', { kind: 'numeric' }, 'doc', 'price'),
  );
  expect(foundInTexts((name) => (name === 'doc' ? TEXT : null), inner, [])).toEqual(FOUND.slice(0, 2));
});

test('numbers of jsonb stay numbers', () => {
  const json = targetOf(column('all', { kind: 'jsonb' }));
  expect(foundInJson(parseExactly('{"all": {"n": 9007199254740993}}'), json, [])).toEqual(['{"n": 9007199254740992}']);
});
