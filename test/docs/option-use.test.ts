import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { OPTIONS } from '../../src/base/config/options.ts';

it('has an effect: every option of a project is read where the process is put together', () => {
  const folder = fileURLToPath(new URL('../../src/app/', import.meta.url));
  const text = readdirSync(folder)
    .filter((name) => !name.endsWith('.test.ts'))
    .map((name) => readFileSync(folder + name, 'utf8'))
    .join('\n');
  expect(Object.keys(OPTIONS).filter((key) => !new RegExp(`\\b${key}\\b`).test(text))).toEqual([]);
});
