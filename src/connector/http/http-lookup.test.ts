import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSection } from '../../base/config/option-set.ts';
import { YamlSection } from '../../base/config/yaml-section.ts';
import { TYPE } from '../../plan/type-name.ts';
import { LookupBusy, LookupRefused, type LookupTarget } from '../lookup/lookup-source.ts';
import { HTTP_LOOKUP_OPTIONS, HttpLookupSource } from './http-lookup.ts';

const target: LookupTarget = {
  kind: 'lookup',
  name: 'users',
  connector: 'http',
  options: {},
  keyTypes: [TYPE.text],
  keyNames: ['id'],
  found: [
    { name: 'id', type: TYPE.text, nullable: true, path: ['id'] },
    { name: 'level', type: TYPE.int4, nullable: true, path: ['account', 'level'] },
    { name: 'name', type: TYPE.text, nullable: false, path: ['name'] },
  ],
};

let server: Server;
let origin: string;
let answer: { status: number; headers?: Record<string, string>; body: string };
let seen: { url: string; authorization: string | undefined }[];

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    seen.push({ url: request.url ?? '', authorization: request.headers.authorization });
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function fetched(key = 'a'): Promise<unknown> {
  const value = { path: 'url', text: `${origin}/users/{id}?v=1`, position: { file: 'f', line: 1, column: 1 } };
  const options = readSection(HTTP_LOOKUP_OPTIONS, new YamlSection([value]));
  const source = new HttpLookupSource(options, target, async () => 'secret');
  return source.fetch([[key]], new AbortController().signal);
}

describe('an HTTP look-up', () => {
  it('asks the address of the key, with the token, and reads columns by their paths', async () => {
    answer = { status: 200, body: '{"name":"Ada","account":{"level":3}}' };
    expect(await fetched('a/b c')).toEqual([['a/b c', '3', 'Ada']]);
    expect(seen).toEqual([{ url: '/users/a%2Fb%20c?v=1', authorization: 'Bearer secret' }]);
  });

  it('takes an array of one row', async () => {
    answer = { status: 200, body: '[{"name":"Ada"}]' };
    expect(await fetched()).toEqual([['a', null, 'Ada']]);
  });

  it.each([
    [404, 'no such user'],
    [204, ''],
    [200, ''],
    [200, '[]'],
    [200, 'null'],
  ])('finds nothing when the answer is %i %s', async (status, body) => {
    answer = { status, body };
    expect(await fetched()).toEqual([undefined]);
  });

  it.each([
    ['[{}, {}]', 'it found 2 rows for one key'],
    ['nonsense', 'its answer is not JSON'],
    ['3', 'its answer is not a JSON object'],
    ['{"account":{"level":3}}', 'column "name" is NOT NULL'],
    ['{"name":"Ada","account":{"level":"much"}}', 'column "level"'],
  ])('refuses the answer %s', async (body, message) => {
    answer = { status: 200, body };
    const error: unknown = await fetched().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LookupRefused);
    expect((error as Error).message).toContain(message);
  });

  it('tells what may be put right from what may not, and never names the address in full', async () => {
    answer = { status: 503, headers: { 'retry-after': '7' }, body: 'down' };
    const busy = (await fetched().catch((thrown: unknown) => thrown)) as LookupBusy;
    expect(busy).toBeInstanceOf(LookupBusy);
    expect(busy.askedMs).toBe(7_000);
    expect(busy.message).toBe(`asking ${origin}: it answered 503`);
    answer = { status: 400, body: 'bad' };
    await expect(fetched()).rejects.toBeInstanceOf(LookupRefused);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(fetched()).rejects.toThrow(`asking ${origin}: `);
  });
});
