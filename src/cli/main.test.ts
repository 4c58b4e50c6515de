import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { flagName } from '../base/config/option.ts';
import { OPTIONS } from '../base/config/options.ts';
import { openTestDoor, type TestDoor } from '../protocol/http/door.fixture.ts';
import { commands } from './commands/index.ts';
import { GLOBAL_FLAGS, parseLine } from './flag.ts';
import { main } from './main.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'cli-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

/** Runs a command line as a user would; what it wrote and its exit code. */
async function headrace(line: readonly string[], env: Record<string, string> = {}) {
  let out = '';
  let err = '';
  const terminal = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    width: 80,
    colors: false,
    interactive: false,
  };
  const code = await main(line, { env, cwd, terminal, signal: new AbortController().signal });
  return { code, out, err };
}

describe('the command line', () => {
  it('shows what there is, with exit code 64 when nothing was asked', async () => {
    const { code, out } = await headrace([]);
    expect(code).toBe(64);
    for (const { name } of commands) expect(out).toContain(`  ${name} `);
    expect((await headrace(['--help'])).code).toBe(0);
  });

  it.each(commands.map((command) => [command.name, command] as const))(
    'has help with examples for %s',
    async (name, command) => {
      const { code, out } = await headrace([name, '--help']);
      expect(code).toBe(0);
      expect(command.examples.length).toBeGreaterThan(0);
      for (const { line } of command.examples) expect(out).toContain(line);
      expect((await headrace(['help', name])).out).toBe(out);
    },
  );

  it.each(commands.map(({ name }) => name))('has help for %s that fits the terminal, examples aside', async (name) => {
    const { out } = await headrace([name, '--help']);
    const examples = commands.find((command) => command.name === name)!.examples.map(({ line }) => line);
    const long = out.split('\n').filter((line) => line.length > 80 && !examples.includes(line.trim()));
    expect(long).toEqual([]);
  });

  it.each(commands.flatMap((command) => command.examples.map(({ line }) => [line, command] as const)))(
    'takes the example %s',
    (line, { flags, handsOnOptions, name, wordsMax }) => {
      const [program, command, ...rest] = line.replace(/ < \S+/, '').match(/"[^"]*"|\S+/g) ?? [];
      expect([program, command]).toEqual(['headrace', name]);
      const { words, options } = parseLine(rest, { ...flags, ...GLOBAL_FLAGS }, handsOnOptions ?? false);
      expect(words.length).toBeLessThanOrEqual(wordsMax);
      const known = new Set(Object.values(OPTIONS).map((declared) => flagName(declared.name)));
      expect(Object.keys(options).filter((flag) => !known.has(flag))).toEqual([]);
    },
  );

  it.each([
    [['topcis'], 'did you mean "topics"?'],
    [['sql', 'SELECT 1', '--fromat', 'csv'], 'did you mean --format?'],
    [['sql', 'SELECT 1', '--format', 'cvs'], 'did you mean "csv"?'],
    [['topics', 'creat', 'x'], 'did you mean "create"?'],
    [['dlq', '--limit', 'ten'], 'is not a whole number'],
    [['dlq', '--limit'], 'its value is missing'],
    [['sql'], 'put it in quotes'],
    [['sql', 'SELECT', '1'], '"1" is one word too many'],
    [['bench', 'fast'], '"fast" is one word too many'],
    [['tail'], 'name one view or topic'],
    [['sql', 'SELECT 1', '--url', 'localhost:1'], 'is not a URL'],
  ])('answers %j with the right word and exit code 64', async (line, expected) => {
    const { code, err } = await headrace(line);
    expect([code, err]).toEqual([64, expect.stringContaining(expected)]);
  });

  it('says that nothing answers, with exit code 3', async () => {
    const { code, err } = await headrace(['topics', '--url', 'http://127.0.0.1:1']);
    expect([code, err]).toEqual([3, expect.stringContaining('start it with "headrace start"')]);
  });

  it('asks where the flag says, else the environment', async () => {
    const env = { HEADRACE_URL: 'http://127.0.0.1:1' };
    expect((await headrace(['topics'], env)).err).toContain('asking http://127.0.0.1:1:');
    expect((await headrace(['topics', '--url', 'http://127.0.0.1:2'], env)).err).toContain(
      'asking http://127.0.0.1:2:',
    );
  });

  it('writes errors as JSON when asked for JSON', async () => {
    const { err } = await headrace(['topcis', '--json']);
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'CLI_USAGE', next: 'did you mean "topics"?' } });
  });

  it('says what is missing when there is no project', async () => {
    const { code, err } = await headrace(['start', 'nowhere']);
    expect([code, err]).toEqual([1, expect.stringContaining('headrace init app')]);
  });

  it('says which project was probably meant', async () => {
    await headrace(['init', 'examples/rides']);
    for (const word of ['exmaples/rides', 'examples/ride'])
      expect((await headrace(['run', word])).err).toContain('did you mean "examples/rides"?');
    expect((await headrace(['run', 'examples'])).err).toContain('neither headrace.yaml nor pipelines/');
    expect((await headrace(['run', 'examples/rides/headrace.yaml'])).err).toContain('nor a .sql or .ts file');
  });

  it('explains its exit codes', async () => {
    expect((await headrace(['help', 'exit-codes'])).out).toContain('3  nothing answers');
  });
});

describe('commands that ask a running process', () => {
  let door: TestDoor;
  beforeEach(async () => {
    door = await openTestDoor();
  });
  afterEach(() => door.close());
  const ask = (line: readonly string[]) => headrace([...line, '--url', door.url]);

  it('print rows as a table', async () => {
    const { code, out, err } = await ask(['sql', 'SELECT 1']);
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      'page                 hits',
      '───────  ────────────────',
      '/a, "b"  9007199254740993',
      '                        2',
      '',
    ]);
    expect(err).toContain('2 rows in 1 ms');
  });

  it.each([
    ['csv', 'page,hits\n"/a, ""b""",9007199254740993\n,2\n'],
    ['ndjson', '{"page":"/a, \\"b\\"","hits":"9007199254740993"}\n{"page":null,"hits":2}\n'],
  ])('print rows as %s', async (format, expected) => {
    expect((await ask(['sql', 'SELECT 1', '--format', format])).out).toBe(expected);
  });

  it('create, list, describe and delete topics', async () => {
    expect((await ask(['topics', 'create', 'orders'])).out).toContain('created topic orders');
    expect((await ask(['topics'])).out).toMatch(/orders +append/);
    expect(JSON.parse((await ask(['topics', 'describe', 'orders', '--json'])).out)).toMatchObject({ name: 'orders' });
    expect((await ask(['topics', 'delete', 'orders'])).code).toBe(64);
    expect((await ask(['topics', 'delete', 'orders', '--yes'])).out).toContain('deleted');
    expect(await ask(['topics', 'describe', 'orders'])).toMatchObject({ code: 1 });
  });

  it('list dead letters and show one whole', async () => {
    const letter = { topic: 'requests', reason: 'malformed', message: 'cut off', receivedAt: 0, value: '{"a":' };
    door.log.put('_dead_letters', [[null, letter]]);
    expect((await ask(['dlq'])).out).toMatch(/0:0 .*malformed/);
    expect((await ask(['dlq', 'show', '0:0'])).out).toContain('\n{"a":\n');
    expect((await ask(['dlq', 'list', '--reason', 'late'])).out).toBe('there are no dead letters\n');
  });

  it('follow a view until the limit', async () => {
    door.log.put('pages', [['["/a"]', { page: '/a', hits: 1 }]]);
    const { code, out } = await ask(['tail', 'pages', '--limit', '1']);
    expect([code, out]).toEqual([0, '  {"page":"/a","hits":1}\n']);
  });

  it('pass the server’s message on', async () => {
    const { code, err } = await ask(['tail', 'page']);
    expect([code, err]).toEqual([1, expect.stringContaining('did you mean "pages"?')]);
  });
});

describe('headrace init', () => {
  it('makes a project from nothing, and refuses a folder that is not empty', async () => {
    expect(await headrace(['init', 'app'])).toMatchObject({ code: 0, out: expect.stringContaining('headrace dev') });
    expect(readFileSync(join(cwd, 'app/pipelines/events.sql'), 'utf8')).toContain('CREATE MATERIALIZED VIEW events_1m');
    expect((await headrace(['init', 'app'])).code).toBe(1);
  });

  it('infers schema, time field, and the expected rows of the test from NDJSON', async () => {
    const records = [0, 1, 2, 3].map((i) => ({
      id: `o${i}`,
      at: `2026-01-31T12:00:0${i}Z`,
      data: { shop: i % 2 === 0 ? 'a' : 'b', 'net price': 1.5 + i },
      note: i === 0 ? null : 'x',
    }));
    writeFileSync(join(cwd, 'My-Orders.ndjson'), records.map((record) => JSON.stringify(record)).join('\n'));
    const { out } = await headrace(['init', 'shop', '--from', 'My-Orders.ndjson', '--json']);
    expect(JSON.parse(out)).toMatchObject({ topic: 'my_orders', timeField: 'at' });
    const pipeline = readFileSync(join(cwd, 'shop/pipelines/my_orders.sql'), 'utf8');
    expect(pipeline).toContain("data_net_price float8 FROM '$.data[''net price'']' NOT NULL");
    expect(pipeline).toContain('  note text,');
    expect(pipeline).toContain('GROUP BY window_start, window_end, data_shop');
    const test = readFileSync(join(cwd, 'shop/tests/my_orders.test.yaml'), 'utf8');
    expect(test).toContain(
      '{"window_start":"2026-01-31T12:00:00.000Z","window_end":"2026-01-31T12:01:00.000Z","data_shop":"a","events":2}',
    );
  });

  it('types the values of CSV, quoted fields and codes with leading zeros too', async () => {
    writeFileSync(
      join(cwd, 'rides.csv'),
      '\ufefftime,zone,miles,zip,note\n2026-01-31 12:00:00,1,2.5,01234,"a, ""b"""\n2026-01-31 12:00:30,2,3,04321,\n',
    );
    await headrace(['init', 'rides', '--from', 'rides.csv']);
    const pipeline = readFileSync(join(cwd, 'rides/pipelines/rides.sql'), 'utf8');
    expect(pipeline).toMatch(
      /"?time"? timestamptz NOT NULL,\n {2}zone int8 NOT NULL,\n {2}miles float8 NOT NULL,\n {2}zip text NOT NULL,\n {2}note text,/,
    );
  });

  it('says which line of the data is wrong', async () => {
    writeFileSync(join(cwd, 'bad.ndjson'), '{"a":1}\nnope\n');
    expect((await headrace(['init', 'bad', '--from', 'bad.ndjson'])).err).toContain('line 2');
  });
});
