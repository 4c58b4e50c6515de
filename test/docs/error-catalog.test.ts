import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ERROR_CATALOG } from '../../src/base/error-catalog.ts';
import { STATUS_BY_CODE } from '../../src/protocol/http/problem.ts';

const CODE =
  /['"`]((?:ALERT|CLI|CONFIG|CONNECTOR|DELIVERY|ENGINE|HTTP|INGEST|KERNEL|LOG|PLAN|SCHEMA|SECURITY|SERVING|SQL)(?:_[A-Z0-9]+)+)['"`]/g;

function textsOfSource(): string[] {
  const root = fileURLToPath(new URL('../../src', import.meta.url));
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !/\.(test|fixture|bench|fuzz)\.ts$/.test(name) && !name.includes('assembly'),
  );
  return files
    .filter((name) => !name.endsWith('error-catalog.ts'))
    .map((name) => readFileSync(join(root, name), 'utf8'));
}

/** Every code that the product can give: string literals that look like one, wherever they stand; limits are no codes. */
function codesOfSource(): Set<string> {
  const codes = textsOfSource().flatMap((text) => [...text.matchAll(CODE)].map((match) => match[1]!));
  return new Set(codes.filter((name) => !/_(MAX|MIN)$/.test(name)));
}

it('has every error code of the source (say what it means in src/base/error-catalog.ts, then npm run docs)', () => {
  expect([...codesOfSource()].filter((name) => !(name in ERROR_CATALOG))).toEqual([]);
});

it('has no code that nothing gives any more', () => {
  const codes = codesOfSource();
  expect(Object.keys(ERROR_CATALOG).filter((name) => !codes.has(name))).toEqual([]);
});

it('has its counterpart for dead letters: every reason of the source is explained', () => {
  const page = readFileSync(new URL('../../docs/how-to/dead-letters.md', import.meta.url), 'utf8');
  const reasons = textsOfSource().flatMap((text) =>
    [...text.matchAll(/\breason: '([a-z_-]+)'/g)].map((match) => match[1]!),
  );
  expect([...new Set(reasons)].filter((reason) => !page.includes(`| \`${reason}\` |`))).toEqual([]);
});

it('has every code that the HTTP door gives a status', () => {
  expect(Object.keys(STATUS_BY_CODE).filter((name) => !(name in ERROR_CATALOG))).toEqual([]);
});

it('says of each what it means in whole sentences', () => {
  for (const text of Object.values(ERROR_CATALOG)) expect(text).toMatch(/^[`A-Z].*\.$/);
});
