import { describe, expect, it } from 'vitest';
import { TYPE } from '../../plan/type-name.ts';
import { LookupRefused, type LookupTarget } from '../lookup/lookup-source.ts';
import { PostgresLookupSource, type PostgresResult } from './postgres-lookup.ts';

const NAME = { name: 'name', type: TYPE.text, nullable: true, path: ['Full"Name'] };
const one: LookupTarget = {
  kind: 'lookup',
  name: 'users',
  connector: 'postgres',
  options: {},
  keyTypes: [TYPE.int4],
  keyNames: ['id'],
  found: [NAME, { name: 'city', type: TYPE.text, nullable: true, path: ['address', 'city'] }],
};
const two: LookupTarget = {
  ...one,
  keyTypes: [TYPE.text, TYPE.boolean],
  keyNames: ['region', 'live'],
  found: [{ name: 'live', type: TYPE.boolean, nullable: true, path: ['is_live'] }, NAME],
};

/** What was asked, and the answer to it. */
function scripted(target: LookupTarget, result: PostgresResult, options: { table?: string; query?: string }) {
  const asked: { text: string; values: readonly unknown[] }[] = [];
  const closed: string[] = [];
  const source = new PostgresLookupSource({ table: undefined, query: undefined, ...options }, target, async () => ({
    query: async (text, values) => {
      asked.push({ text, values });
      return result;
    },
    close: async () => {
      closed.push('closed');
    },
  }));
  return { source, asked, closed };
}

describe('a look-up in PostgreSQL', () => {
  it('reads the rows of a batch with one statement; names are quoted, values are parameters', async () => {
    const columns = ['id', 'Full"Name', 'address'];
    const rows = [
      ['07', 'Ada', '{"city":"Oslo"}'],
      ['8', null, null],
      [null, 'nobody', null],
    ];
    const { source, asked } = scripted(one, { columns, rows }, { table: 'crm.us"ers' });
    expect(await source.fetch([['8'], ['9'], ['7']])).toEqual([[null, null], undefined, ['Ada', 'Oslo']]);
    const text = 'SELECT "id", "Full""Name", "address" FROM "crm"."us""ers" WHERE "id" = ANY($1)';
    expect(asked).toEqual([{ text, values: [['8', '9', '7']] }]);
  });

  it('compares row values when the key has several columns', async () => {
    const columns = ['region', 'is_live', 'Full"Name'];
    const rows = [['eu', 't', 'Ada']];
    const { source, asked } = scripted(two, { columns, rows }, { table: 'users' });
    const keys = [
      ['eu', 'false'],
      ['eu', 'true'],
    ];
    expect(await source.fetch(keys)).toEqual([undefined, ['true', 'Ada']]);
    const text =
      'SELECT "region", "is_live", "Full""Name" FROM "users" WHERE ("region", "is_live") IN (($1, $2), ($3, $4))';
    expect(asked).toEqual([{ text, values: ['eu', 'false', 'eu', 'true'] }]);
  });

  it('gives a query an array of each column of the key, and finds its columns by name', async () => {
    const query = 'SELECT ... FROM unnest($1, $2)';
    const columns = ['Full"Name', 'other', 'is_live', 'region'];
    const { source, asked } = scripted(two, { columns, rows: [['Ada', 'x', 'f', 'eu']] }, { query });
    expect(
      await source.fetch([
        ['eu', 'false'],
        ['us', 'true'],
      ]),
    ).toEqual([['false', 'Ada'], undefined]);
    const values = [
      ['eu', 'us'],
      ['false', 'true'],
    ];
    expect(asked).toEqual([{ text: query, values }]);
  });

  it.each([
    [{ columns: ['id'], rows: [] }, 'the query gives no column "Full"Name"'],
    [{ columns: ['id', 'Full"Name', 'address'], rows: [['x', null, null]] }, 'column "id"'],
    [
      {
        columns: ['id', 'Full"Name', 'address'],
        rows: [
          ['1', 'Ada', null],
          ['1', 'Bo', null],
        ],
      },
      'more than one row for one key',
    ],
  ])('refuses what it cannot take: %j', async (result, message) => {
    const fetched = scripted(one, result, { query: '$1' }).source.fetch([['1']]);
    await expect(fetched).rejects.toThrow(LookupRefused);
    await expect(fetched).rejects.toThrow(message);
  });

  it('closes what it opened, and nothing when it was never asked', async () => {
    const { source, closed } = scripted(one, { columns: ['id', 'Full"Name', 'address'], rows: [] }, { table: 't' });
    await source.fetch([['1']]);
    await source.close();
    const unasked = scripted(one, { columns: [], rows: [] }, { table: 't' });
    await unasked.source.close();
    expect([closed, unasked.closed]).toEqual([['closed'], []]);
  });
});
