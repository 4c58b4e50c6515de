// npm run docs: writes the pages of docs that are made from the declarations.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { REFERENCE_PAGES } from './reference/pages.ts';

const folder = fileURLToPath(new URL('../docs', import.meta.url));
for (const [name, page] of Object.entries(REFERENCE_PAGES)) {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, await page());
  console.log(`wrote docs/${name}`);
}
