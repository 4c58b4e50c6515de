import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { offset } from '../../base/brand.ts';
import type { DataType } from '../../plan/data-type.ts';
import { TYPE } from '../../plan/type-name.ts';
import type { SinkRelation } from '../sink-relation.ts';
import type { SinkRecord } from '../sink-target.ts';
import { netChanges } from './net-change.ts';
import { faultOf } from './postgres-fault.ts';
import { sinkKey } from './sink-key.ts';
import { jsonArray, sinkStatements, withRecordKey } from './sink-statement.ts';
import { tableDefinition } from './sink-table.ts';

// What needs no server; the rest is in test/components/postgres-sink.test.ts.

const column = (name: string, type: DataType, nullable = false, path = [name]) => ({ name, type, nullable, path });
const ID = column('id', TYPE.text);
const relation = (kind: SinkRelation['kind'], keys: readonly number[], ...columns: SinkRelation['columns']) => ({
  kind,
  keys,
  columns,
});
const auto = { mode: 'auto', key: [] } as const;

describe('what tells the rows of a table apart', () => {
  it.each([
    ['rows that only come', relation('append', [], ID), auto, { kind: 'none' }],
    [
      'rows that only come, by a named key',
      relation('append', [], ID),
      { mode: 'auto', key: ['id'] },
      { kind: 'named', columns: [0] },
    ],
    ['a key', relation('upsert', [0], ID), auto, { kind: 'columns', columns: [0] }],
    [
      'a key that is named too',
      relation('upsert', [0], ID),
      { mode: 'upsert', key: ['id'] },
      { kind: 'columns', columns: [0] },
    ],
    ['a key that may be null', relation('upsert', [0], column('id', TYPE.text, true)), auto, { kind: 'record' }],
    ['a key that is a document', relation('upsert', [0], column('id', TYPE.jsonb)), auto, { kind: 'record' }],
    ['rows without a key', relation('upsert', [], ID), auto, { kind: 'record' }],
  ] as const)('%s', (_, given, options, key) => {
    expect(sinkKey(given, options, 's')).toEqual(key);
  });

  it('is refused where a column has the name of the hidden one', () => {
    const given = relation('upsert', [], column('headrace_key', TYPE.text));
    expect(() => sinkKey(given, auto, 's')).toThrow('it has a column "headrace_key"');
  });

  it('is in the definition of the table that is made', () => {
    const given = relation('upsert', [0], ID, column('a"b', { kind: 'numeric', precision: 9, scale: 2 }, true));
    expect(tableDefinition('my shop.rows', given, sinkKey(given, auto, 's'))).toBe(
      'CREATE TABLE IF NOT EXISTS "my shop"."rows" ("id" text NOT NULL, "a""b" numeric(9,2), PRIMARY KEY ("id"))',
    );
  });
});

describe('a fault of PostgreSQL', () => {
  it.each([
    ['passing', ['', '08006', '40001', '40P01', '53300', '57014', '57P01', '55P03', '25006', '58030', 'XX000']],
    ['row', ['22001', '22003', '22P02', '22P05', '21000', '44000', 'P0001', '54000']],
    ['constraint', ['23502', '23503', '23505', '23514']],
    ['setup', ['42501', '42703', '42P01', '28P01', '28000', '3D000', '3F000', '0A000']],
  ] as const)('is %s by its SQLSTATE', (fault, states) => {
    expect(states.map(faultOf)).toEqual(states.map(() => fault));
  });
});

describe('net changes', () => {
  const record = (at: number, key: string | null, value: string | null): SinkRecord => ({
    partition: 0,
    offset: offset(at),
    timestamp: 0,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
  });
  const shown = (changes: ReturnType<typeof netChanges>['changes']) =>
    changes.map(({ kind, json }) => [kind, Buffer.from(json).toString()]);

  it('are the last one of each key, in the order of these', () => {
    const records = [
      record(0, '["a"]', '1'),
      record(1, '["b"]', '2'),
      record(2, '["a"]', null),
      record(3, '["c"]', '3'),
    ];
    const { changes, refused } = netChanges(records, { kind: 'columns', columns: [0] });
    expect(shown(changes)).toEqual([
      ['row', '2'],
      ['gone', '["a"]'],
      ['row', '3'],
    ]);
    expect(refused).toEqual([]);
  });

  it('are all rows where there is no key', () => {
    const records = [record(0, null, '1'), record(1, null, null), record(2, null, '1')];
    expect(shown(netChanges(records, { kind: 'none' }).changes)).toEqual([
      ['row', '1'],
      ['row', '1'],
    ]);
  });

  it('refuse a record without the key that it needs', () => {
    const { changes, refused } = netChanges([record(0, null, '{}'), record(1, 'k', '{}')], { kind: 'record' });
    expect([changes.length, refused.map(({ record: { offset } }) => offset)]).toEqual([1, [0]]);
  });
});

describe('a row with the key of its record', () => {
  const hash = Buffer.from('00ff', 'hex');
  const keyed = (text: string): string => Buffer.from(withRecordKey(Buffer.from(text), hash)).toString();

  it('has it as its last member, whatever it holds, and is what it was otherwise', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom('', ' ', '\n\t'), (object, blank) => {
        const text = `${blank}${JSON.stringify(object)}${blank}`;
        expect(JSON.parse(keyed(text))).toEqual({ ...(JSON.parse(text) as object), headrace_key: '\\x00ff' });
      }),
    );
    expect(keyed('{ }')).toBe('{ "headrace_key":"\\\\x00ff"}');
  });

  it.each(['[1]', '"text"', '', ' '])('is left as it is when it is no object: %j', (text) => {
    expect(keyed(text)).toBe(text);
  });
});

describe('the statements', () => {
  const written = (given: SinkRelation, names: readonly string[], key = sinkKey(given, auto, 's')) =>
    sinkStatements({ table: 'rows', relation: given, key, columns: names.map((name) => ({ name, written: 'text' })) });

  it('quote what they name', () => {
    const { insert, remove } = written(relation('upsert', [0], column('a"; DROP TABLE x; --', TYPE.text)), [
      'a"; DROP TABLE x; --',
    ]);
    for (const text of [insert, remove!]) expect(text.replaceAll('"a""; DROP TABLE x; --"', '')).not.toContain('DROP');
    const { insert: nested } = written(relation('append', [], column('a', TYPE.text, true, ['x', "o'b"])), ['a']);
    expect(nested).toContain(`x."x" #>> ARRAY['o''b']::text[]`);
  });

  it('update what is no key, and nothing where all is', () => {
    expect(written(relation('upsert', [0], ID, column('n', TYPE.int4)), ['id', 'n']).insert).toMatch(
      /ON CONFLICT \("id"\) DO UPDATE SET "n" = EXCLUDED\."n"$/,
    );
    expect(written(relation('upsert', [0], ID), ['id']).insert).toMatch(/ON CONFLICT \("id"\) DO NOTHING$/);
  });

  it('take JSON texts as one array', () => {
    expect(jsonArray([Buffer.from('{"a":1}'), Buffer.from('2')]).toString()).toBe('[{"a":1},2]');
  });
});
