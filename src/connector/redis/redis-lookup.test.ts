import { describe, expect, it } from 'vitest';
import { TYPE } from '../../plan/type-name.ts';
import { LookupRefused, type LookupTarget } from '../lookup/lookup-source.ts';
import { type RedisCommand, RedisLookupSource, RedisWrongType } from './redis-lookup.ts';

const target: LookupTarget = {
  kind: 'lookup',
  name: 'users',
  connector: 'redis',
  options: {},
  keyTypes: [TYPE.text, TYPE.int4],
  keyNames: ['region', 'id'],
  found: [
    { name: 'id', type: TYPE.int4, nullable: true, path: ['id'] },
    { name: 'level', type: TYPE.int4, nullable: true, path: ['level'] },
    { name: 'city', type: TYPE.text, nullable: true, path: ['address', 'city'] },
  ],
};

type Stored = string | Readonly<Record<string, string>>;

/** A server that holds strings and hashes, and remembers its pipelines. */
class ScriptedRedis {
  readonly asked: (readonly RedisCommand[])[] = [];
  opened = 0;
  closed = 0;
  failure: Error | undefined;
  readonly #keys: Readonly<Record<string, Stored>>;

  constructor(keys: Readonly<Record<string, Stored>>) {
    this.#keys = keys;
  }

  async connect() {
    if (this.failure !== undefined) throw this.failure;
    this.opened++;
    return {
      ask: async (commands: readonly RedisCommand[]) => {
        this.asked.push(commands);
        return commands.map((command) => this.#reply(command));
      },
      close: async () => {
        this.closed++;
      },
    };
  }

  #reply([command, key = '', ...fields]: RedisCommand): unknown {
    const held = Object.hasOwn(this.#keys, key) ? this.#keys[key] : undefined;
    if (held !== undefined && (typeof held === 'string') !== (command === 'get'))
      return new RedisWrongType('WRONGTYPE x');
    if (command === 'get') return held ?? null;
    const hash = (held ?? {}) as Readonly<Record<string, string>>;
    return command === 'hgetall' ? hash : fields.map((field) => hash[field] ?? null);
  }
}

function source(redis: ScriptedRedis, type: 'hash' | 'json' | 'string', wanted = target): RedisLookupSource {
  return new RedisLookupSource({ key: 'user:{region}:{id}', type }, wanted, () => redis.connect());
}

const KEYS = [
  ['eu', '1'],
  ['eu', '2'],
  ['us', '1'],
] as const;

describe('a look-up in Redis', () => {
  it('reads the fields of hashes in one pipeline; a deeper path leads into a field of JSON', async () => {
    const redis = new ScriptedRedis({
      'user:eu:1': { level: '3', address: '{"city":"Oslo"}', other: 'x' },
      'user:eu:2': { address: '{}' },
      'user:us:1': { level: '7' },
    });
    expect(await source(redis, 'hash').fetch(KEYS)).toEqual([
      ['1', '3', 'Oslo'],
      ['2', null, null],
      ['1', '7', null],
    ]);
    expect(redis.asked).toEqual([KEYS.map(([region, id]) => ['hmget', `user:${region}:${id}`, 'level', 'address'])]);
  });

  it('tells a hash that is missing from one without the fields', async () => {
    const redis = new ScriptedRedis({ 'user:eu:1': { other: 'x' }, 'user:us:1': { level: '7' } });
    expect(await source(redis, 'hash').fetch(KEYS)).toEqual([['1', null, null], undefined, ['1', '7', null]]);
    expect(redis.asked[1]).toEqual([
      ['hgetall', 'user:eu:1'],
      ['hgetall', 'user:eu:2'],
    ]);
  });

  it('asks whether hashes are there when no field is wanted', async () => {
    const redis = new ScriptedRedis({ 'user:eu:1': { other: 'x' } });
    const onlyKey = { ...target, found: target.found.slice(0, 1) };
    expect(await source(redis, 'hash', onlyKey).fetch(KEYS)).toEqual([['1'], undefined, undefined]);
  });

  it('reads JSON objects; null and a key that is missing are nothing', async () => {
    const redis = new ScriptedRedis({
      'user:eu:1': '{"level":3,"address":{"city":"Oslo"}}',
      'user:eu:2': 'null',
    });
    expect(await source(redis, 'json').fetch(KEYS)).toEqual([['1', '3', 'Oslo'], undefined, undefined]);
    expect(redis.asked).toHaveLength(1);
  });

  it('reads a string as its one column, the empty one too', async () => {
    const redis = new ScriptedRedis({ 'user:eu:1': '3', 'user:us:1': '' });
    const level = { ...target, found: [target.found[1]!] };
    const text = { ...target, found: [{ ...target.found[1]!, type: TYPE.text }] };
    expect(await source(redis, 'string', level).fetch([KEYS[0]])).toEqual([['3']]);
    expect(await source(redis, 'string', text).fetch([KEYS[1], KEYS[2]])).toEqual([undefined, ['']]);
  });

  it.each([
    ['json', '{', 'it holds no JSON'],
    ['json', '[1]', 'it holds no JSON object'],
    ['json', '{"level":"many"}', 'column "level"'],
    ['hash', 'text', 'WRONGTYPE'],
    ['string', 'many', 'column "level"'],
    ['json', { level: '3' }, 'reading key "user:eu:1": WRONGTYPE'],
  ] as const)('refuses type %s for %o', async (type, held, message) => {
    const fetched = source(new ScriptedRedis({ 'user:eu:1': held }), type).fetch([KEYS[0]]);
    await expect(fetched).rejects.toThrow(LookupRefused);
    await expect(fetched).rejects.toThrow(message);
  });

  it('connects once, when it is asked first; again when that failed; and closes', async () => {
    const redis = new ScriptedRedis({});
    const looked = source(redis, 'json');
    redis.failure = new Error('reading password: no such file');
    await expect(looked.fetch([KEYS[0]])).rejects.toThrow('no such file');
    redis.failure = undefined;
    await Promise.all([looked.fetch([KEYS[0]]), looked.fetch([KEYS[1]])]);
    await looked.close();
    expect([redis.opened, redis.closed]).toEqual([1, 1]);
    await expect(looked.fetch([KEYS[0]])).rejects.toThrow('closed');
  });
});
