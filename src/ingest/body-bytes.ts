import type { BodyBytes } from './ingest.ts';

export function partsOf(body: BodyBytes): readonly Uint8Array[] {
  return body instanceof Uint8Array ? [body] : body;
}

export function lengthOf(body: BodyBytes): number {
  if (body instanceof Uint8Array) return body.length;
  let length = 0;
  for (const part of body) length += part.length;
  return length;
}
