// npm run test:json -- --documents N [--seed S]: N generated documents, kernel against JSON.parse. Fails with the document.
import { parseArgs } from 'node:util';
import { JsonDocuments } from './json-documents.ts';

const { values } = parseArgs({
  options: { documents: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
});
const count = Number(values.documents);
const documents = new JsonDocuments(Number(values.seed));
for (let i = 0; i < count; i++) {
  const difference = documents.next();
  if (difference === undefined) continue;
  console.error(`document ${i} of seed ${values.seed}: kernel and JSON.parse differ: ${difference}`);
  process.exit(1);
}
const detail = { valid: documents.valid, refused: documents.refused, seed: Number(values.seed) };
console.log(JSON.stringify({ bench: 'json-conformance', value: count, unit: 'documents', against: 'JSON.parse', ratio: 1, detail }));
