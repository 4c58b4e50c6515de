// npm run docs: writes the pages of docs/reference that are made from the declarations.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { REFERENCE_PAGES } from './reference/pages.ts';

const folder = fileURLToPath(new URL('../docs/reference', import.meta.url));
mkdirSync(folder, { recursive: true });
for (const [name, page] of Object.entries(REFERENCE_PAGES)) {
  writeFileSync(join(folder, name), await page());
  console.log(`wrote docs/reference/${name}`);
}
