import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { REFERENCE_PAGES } from '../../scripts/reference/pages.ts';

describe('the generated reference', () => {
  it.each(Object.keys(REFERENCE_PAGES))('%s is what the declarations say (if not: npm run docs)', async (name) => {
    const committed = readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
    expect(await REFERENCE_PAGES[name]!()).toBe(committed);
  });
});
