import { expect, it } from 'vitest';
import { JsonDocuments } from './json-documents.ts';

it('agrees with JSON.parse on generated documents, whole and damaged', () => {
  const documents = new JsonDocuments(1);
  for (let i = 0; i < 5_000; i++) expect(documents.next()).toBeUndefined();
  expect(documents.valid).toBeGreaterThan(2_000);
  expect(documents.refused).toBeGreaterThan(1_000);
});
