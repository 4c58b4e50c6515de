import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { option } from './option.ts';
import { printOptions } from './option-description.ts';
import { readOptions } from './option-set.ts';
import { SECRET_FILE_BYTES_MAX, secretFileReader } from './secret-file.ts';
import { parseYaml } from './yaml-section.ts';

const DECLARED = { password: option.secret({ name: 'db.password', fallback: undefined, help: 'Password.' }) } as const;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'secret-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const read = (yaml: string) =>
  readOptions(DECLARED, {
    file: parseYaml(yaml, 'headrace.yaml'),
    env: {},
    flags: {},
    readSecret: secretFileReader(dir),
  });

describe('a secret in a file of its own', () => {
  it('is read relative to the project, without the line break at its end', () => {
    writeFileSync(join(dir, 'password'), 'hunter2\n');
    expect(read('db: { password_file: password }').password).toBe('hunter2');
  });

  it('is not shown, neither its value nor when it cannot be read', () => {
    writeFileSync(join(dir, 'password'), 'hunter2\n');
    expect(printOptions(DECLARED, read('db: { password_file: password }'))).not.toContain('hunter2');
  });

  it.each([
    ['there is none', 'missing', undefined, 'no such file'],
    ['it is empty', 'empty', '\n', 'it is empty'],
    ['it is too large', 'large', 'x'.repeat(SECRET_FILE_BYTES_MAX + 1), 'a secret at most'],
    ['it is a folder', '.', undefined, 'it is not a file'],
  ])('is refused when %s', (_case, name, text, message) => {
    if (text !== undefined) writeFileSync(join(dir, name), text);
    expect(() => read(`db: { password_file: ${name} }`)).toThrow(message);
    expect(() => read(`db: { password_file: ${name} }`)).toThrow('check the path and its permissions');
  });
});
