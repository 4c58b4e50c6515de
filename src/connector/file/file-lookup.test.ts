import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TYPE } from '../../plan/type-name.ts';
import type { LookupKey, LookupTarget } from '../lookup/lookup-source.ts';
import { FileLookupSource } from './file-lookup.ts';

const target: LookupTarget = {
  kind: 'lookup',
  name: 'users',
  connector: 'file',
  options: {},
  keyTypes: [TYPE.int8],
  keyNames: ['id'],
  found: [
    { name: 'id', type: TYPE.int8, nullable: true, path: ['user', 'id'] },
    { name: 'name', type: TYPE.text, nullable: true, path: ['name'] },
  ],
};

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'file-lookup-'));
  path = join(dir, 'users.ndjson');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const fetched = (source: FileLookupSource, ...keys: LookupKey[]) => source.fetch(keys, new AbortController().signal);

describe('a look-up in a file', () => {
  it('finds rows by the values of their keys; the last of a key counts', async () => {
    writeFileSync(
      path,
      '{"user":{"id":1},"name":"a"}\n\n{"user":{"id":"2"},"name":"b"}\n{"user":{"id":1},"name":"c"}\n',
    );
    expect(await fetched(new FileLookupSource(path, target), ['1'], ['2'], ['3'])).toEqual([
      ['1', 'c'],
      ['2', 'b'],
      undefined,
    ]);
  });

  it('reads a JSON array too', async () => {
    writeFileSync(path, '[{"user":{"id":1},"name":"a"}]');
    expect(await fetched(new FileLookupSource(path, target), ['1'])).toEqual([['1', 'a']]);
  });

  it('reads the file again when it has changed', async () => {
    writeFileSync(path, '{"user":{"id":1},"name":"a"}\n');
    const source = new FileLookupSource(path, target);
    await fetched(source, ['1']);
    writeFileSync(path, '{"user":{"id":1},"name":"z"}\n');
    utimesSync(path, 1, 1);
    expect(await fetched(source, ['1'])).toEqual([['1', 'z']]);
  });

  it('says which line is wrong, and which file is missing', async () => {
    writeFileSync(path, '{"user":{"id":1}}\n{"user"\n');
    await expect(fetched(new FileLookupSource(path, target), ['1'])).rejects.toThrow('users.ndjson:2: it is not JSON');
    writeFileSync(path, '{"user":{"id":"one"}}\n');
    await expect(fetched(new FileLookupSource(path, target), ['1'])).rejects.toThrow('row 1: column "id"');
    await expect(fetched(new FileLookupSource(join(dir, 'none'), target), ['1'])).rejects.toThrow('ENOENT');
  });
});
