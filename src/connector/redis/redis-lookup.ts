import { option } from '../../base/config/option.ts';
import type { OptionValues } from '../../base/config/option-set.ts';
import { type ExactJson, parseExactly } from '../../plan/value/exact-json.ts';
import { filledWith } from '../lookup/key-pattern.ts';
import { LazyClient } from '../lookup/lazy-client.ts';
import { LOOKUP_OPTIONS } from '../lookup/lookup-options.ts';
import {
  foundInJson,
  foundInTexts,
  type LookupFound,
  type LookupKey,
  LookupRefused,
  type LookupSource,
  type LookupTarget,
} from '../lookup/lookup-source.ts';

/** Options of a look-up in Redis: `CREATE LOOKUP ... WITH (connector = 'redis', ...)`. */
export const REDIS_LOOKUP_OPTIONS = {
  url: option.text({
    name: 'url',
    fallback: '',
    help: 'Address of the server, redis://user@host:6379/0, or rediss:// for TLS; no password.',
  }),
  passwordFile: option.path({
    name: 'password_file',
    fallback: undefined,
    help: 'File that holds the password; relative to the project.',
  }),
  caFile: option.path({
    name: 'ca_file',
    fallback: undefined,
    help: 'File of certificates (PEM) that the certificate of the server is checked against; relative to the project.',
  }),
  key: option.text({
    name: 'key',
    fallback: '',
    help: 'Name of the key, as in user:{id}; {column} stands for a column of the key.',
  }),
  type: option.choice({
    name: 'type',
    choices: ['hash', 'json', 'string'],
    fallback: 'hash',
    help: 'What a key holds: a hash whose fields are the columns, a JSON object as a string, or the value of the one column.',
  }),
  ...LOOKUP_OPTIONS,
} as const;

export type RedisLookupOptions = OptionValues<typeof REDIS_LOOKUP_OPTIONS>;

/** `get`, `hmget` and `hgetall`, whose reply is an object of the fields. */
export type RedisCommand = readonly [name: 'get' | 'hmget' | 'hgetall', ...args: string[]];

/** What is asked of a client of Redis. */
export interface RedisClient {
  /**
   * The replies in the order of the commands, sent in one pipeline; in place of a reply, that its key holds another type.
   * Rejects when the server did not answer, or with another error.
   */
  ask(commands: readonly RedisCommand[]): Promise<readonly unknown[]>;
  close(): Promise<void>;
}

/** In place of a reply: the key holds another type than the command reads. */
export class RedisWrongType {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** Looks up keys of a Redis server, those that are asked for together in one pipeline. */
export class RedisLookupSource implements LookupSource {
  readonly batchMax = 500;
  readonly #options: Pick<RedisLookupOptions, 'key' | 'type'>;
  readonly #target: LookupTarget;
  /** The fields that are read of a hash. */
  readonly #fields: readonly string[];
  readonly #client: LazyClient<RedisClient>;

  constructor(
    options: Pick<RedisLookupOptions, 'key' | 'type'>,
    target: LookupTarget,
    connect: () => Promise<RedisClient>,
  ) {
    this.#options = options;
    this.#target = target;
    const own = target.found.filter(({ name }) => !target.keyNames.includes(name));
    this.#fields = [...new Set(own.map(({ path }) => path[0]!))];
    this.#client = new LazyClient(connect);
  }

  async fetch(keys: readonly LookupKey[]): Promise<readonly LookupFound[]> {
    const client = await this.#client.get();
    const names = keys.map((key) => filledWith(this.#options.key, this.#target.keyNames, key));
    if (this.#options.type === 'hash') return this.#hashes(client, names, keys);
    // GET and not MGET, which takes a key of another type for a key that is missing.
    const replies = await client.ask(names.map((name) => ['get', name]));
    return replies.map((reply, at) => this.#text(typed(reply, names[at]!) as string | null, names[at]!, keys[at]!));
  }

  #text(text: string | null, name: string, key: LookupKey): LookupFound {
    if (text === null) return undefined;
    if (this.#options.type === 'string') return foundInTexts(() => text, this.#target, key);
    let row: ExactJson;
    try {
      row = parseExactly(text);
    } catch {
      throw new LookupRefused(`reading key "${name}": it holds no JSON`);
    }
    if (row.value === null) return undefined;
    if (typeof row.value !== 'object' || Array.isArray(row.value)) {
      throw new LookupRefused(`reading key "${name}": it holds no JSON object`);
    }
    return foundInJson(row, this.#target, key);
  }

  async #hashes(
    client: RedisClient,
    names: readonly string[],
    keys: readonly LookupKey[],
  ): Promise<readonly LookupFound[]> {
    const rows = this.#fields.length === 0 ? names.map(() => undefined) : await this.#someFields(client, names);
    // A hash without any of the fields looks like one that is missing: those are read whole.
    const open = names.filter((_, at) => rows[at] === undefined);
    const whole = open.length === 0 ? [] : await client.ask(open.map((name) => ['hgetall', name]));
    let next = 0;
    return keys.map((key, at) => {
      const row = rows[at] ?? new Map(Object.entries(typed(whole[next++], names[at]!) as Record<string, string>));
      return row.size === 0 ? undefined : foundInTexts((field) => row.get(field) ?? null, this.#target, key);
    });
  }

  /** Undefined for a hash that has none of them. */
  async #someFields(client: RedisClient, names: readonly string[]) {
    const replies = await client.ask(names.map((name) => ['hmget', name, ...this.#fields]));
    return replies.map((reply, at) => {
      const values = typed(reply, names[at]!) as readonly (string | null)[];
      if (values.every((value) => value === null)) return undefined;
      return new Map(this.#fields.map((field, i) => [field, values[i] ?? null]));
    });
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

function typed(reply: unknown, name: string): unknown {
  if (reply instanceof RedisWrongType) throw new LookupRefused(`reading key "${name}": ${reply.message}`);
  return reply;
}
