import { describe, expect, it } from 'vitest';
import { HeadraceError } from '../error.ts';
import { option } from './option.ts';
import { describeOptions, printOptions } from './option-description.ts';
import { type OptionSources, readOptions } from './option-set.ts';
import { OPTIONS } from './options.ts';
import { parseYaml } from './yaml-section.ts';

const DECLARED = {
  port: option.integer({ name: 'http.port', fallback: 8080, min: 0, max: 65_535, help: 'Port.' }),
  timeout: option.duration({ name: 'query.timeout', fallback: 30_000, max: 7_200_000, help: 'Timeout.' }),
  segment: option.bytes({ name: 'log.segment_bytes', fallback: 1024, min: 16, help: 'Size.' }),
  hosts: option.list({ name: 'http.hosts', fallback: [], help: 'Hosts.' }),
  password: option.secret({ name: 'db.password', fallback: undefined, help: 'Password.' }),
} as const;

const read = (yaml: string, more: Partial<OptionSources> = {}) =>
  readOptions(DECLARED, { file: parseYaml(yaml, 'headrace.yaml'), env: {}, flags: {}, ...more });

function failure(work: () => unknown): HeadraceError {
  try {
    work();
  } catch (error) {
    if (error instanceof HeadraceError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a value', () => {
  it('comes from the flag, else the environment, else the file, else the fallback', () => {
    const yaml = 'http:\n  port: 1';
    const env = { HEADRACE_HTTP_PORT: '2' };
    expect(read(yaml, { env, flags: { 'http-port': '3' } }).port).toBe(3);
    expect(read(yaml, { env }).port).toBe(2);
    expect(read(yaml).port).toBe(1);
    expect(read('').port).toBe(8080);
  });

  it('has a unit where it needs one', () => {
    expect(read('log: { segment_bytes: 64MiB }\nquery: { timeout: 1m }')).toMatchObject({
      segment: 2 ** 26,
      timeout: 60_000,
    });
  });

  it('may be a list', () => {
    expect(read('http:\n  hosts: [a, b]').hosts).toEqual(['a', 'b']);
    expect(read('', { env: { HEADRACE_HTTP_HOSTS: 'a, b' } }).hosts).toEqual(['a', 'b']);
  });

  it.each([
    ['a number without a unit', 'log:\n  segment_bytes: 64', 2, '64MiB'],
    ['a misspelt unit', 'log:\n  segment_bytes: 64MIB', 2, 'MiB'],
    ['a duration without a unit', '\n\nquery:\n  timeout: 5', 4, 'unit'],
    ['a number out of range', 'http:\n  port: 70000', 2, '65535'],
    ['no number', 'http:\n  port: many', 2, 'whole number'],
    ['a duration that is too long', 'query:\n  timeout: 3h', 2, 'more than 2 h'],
    ['a size that is too small', 'log:\n  segment_bytes: 1B', 2, 'less than 16B'],
  ])('is refused with its line when it is %s', (_case, yaml, line, message) => {
    const error = failure(() => read(yaml));
    expect(error.position).toMatchObject({ file: 'headrace.yaml', line });
    expect(error.message).toContain(message);
  });
});

describe('a name', () => {
  it('that is unknown is refused with its line and column and the nearest right one', () => {
    const error = failure(() => read('http:\n  prot: 1'));
    expect(error.message).toMatch(/headrace\.yaml:2:\d+.*"http\.prot".*did you mean "http\.port"/);
  });

  it('that is unknown as flag or variable is refused too', () => {
    expect(failure(() => read('', { flags: { 'http-prot': '1' } })).message).toContain('--http-port');
    expect(failure(() => read('', { env: { HEADRACE_HTTP_PROT: '1' } })).message).toContain('HEADRACE_HTTP_PORT');
  });

  it.each([
    ['HEADRACE_SERVICE_HOST', '10.0.0.1'],
    ['HEADRACE_SERVICE_PORT', '8080'],
    ['HEADRACE_SERVICE_PORT_HTTP', '8080'],
    ['HEADRACE_PORT', 'tcp://10.0.0.1:8080'],
    ['HEADRACE_PORT_8080_TCP', 'tcp://10.0.0.1:8080'],
    ['HEADRACE_PORT_8080_TCP_ADDR', '10.0.0.1'],
    ['HEADRACE_STAGING_PORT_53_UDP_PROTO', 'udp'],
    ['HEADRACE_HTTP_PORT', 'tcp://10.0.0.1:8080'],
  ])('that Kubernetes injects for a service is ignored: %s', (name, value) => {
    expect(read('', { env: { [name]: value } }).port).toBe(8080);
  });

  it.each([
    ['HEADRACE_PORT', '9090'],
    ['HEADRACE_HTTPS_PORT', '9090'],
    ['HEADRACE_SERVICE', 'x'],
    ['HEADRACE_PORT_8080_TCP_HOST', 'x'],
  ])('that only looks like one of a service is refused: %s', (name, value) => {
    expect(failure(() => read('', { env: { [name]: value } })).code).toBe('CONFIG_UNKNOWN_KEY');
  });

  it('of the command line itself is no option, and no mistake', () => {
    expect(read('', { env: { HEADRACE_DEBUG: '1', HEADRACE_URL: 'x', HEADRACE_TOKEN: 'y' } }).port).toBe(8080);
  });

  it('that comes twice is refused', () => {
    expect(failure(() => read('http:\n  port: 1\n  port: 2')).position).toMatchObject({ line: 3 });
  });
});

describe('a secret', () => {
  it('comes from the environment or a file of its own', () => {
    expect(read('', { env: { HEADRACE_DB_PASSWORD: 's' } }).password).toBe('s');
    const readSecret = (path: string) => `from ${path}\n`;
    expect(read('db: { password_file: p }', { readSecret }).password).toBe('from p');
    expect(read('', { env: { HEADRACE_DB_PASSWORD_FILE: 'q' }, readSecret }).password).toBe('from q');
  });

  it('is refused in the file and as a flag, and never shown', () => {
    const errors = [
      failure(() => read('db: { password: hunter2 }')),
      failure(() => read('', { flags: { 'db-password': 'hunter2' } })),
    ];
    for (const error of errors) expect(error.message).not.toContain('hunter2');
    expect(printOptions(DECLARED, read('', { env: { HEADRACE_DB_PASSWORD: 'hunter2' } }))).toContain(
      'db.password: [redacted]',
    );
  });
});

describe('the descriptions', () => {
  it('say how each option is written', () => {
    expect(describeOptions(DECLARED)[2]).toMatchObject({
      name: 'log.segment_bytes',
      fallback: '1KiB',
      environment: 'HEADRACE_LOG_SEGMENT_BYTES',
      flag: '--log-segment-bytes',
    });
  });

  it('give fallbacks that parse to themselves, for every option of the process', () => {
    for (const declared of Object.values(OPTIONS)) {
      const [description] = describeOptions({ declared });
      if (declared.fallback !== undefined) expect(declared.parse(description!.fallback)).toEqual(declared.fallback);
    }
  });
});
