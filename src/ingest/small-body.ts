import { lengthOf, partsOf } from './body-bytes.ts';
import type { IngestRequest } from './ingest.ts';
import { SMALL_BODY_BYTES_MAX } from './limits.ts';

const LEFT_BRACE = 0x7b;
const LF = 0x0a;
const CR = 0x0d;

/**
 * The bytes of a request that is probably one JSON object on one line and asks for nothing else: such requests share a
 * record batch. Undefined for all others. What the bytes really are, the kernel finds out.
 */
export function smallBodyOf(request: IngestRequest): Uint8Array | undefined {
  const { body, format } = request;
  if (format === 'csv' || request.idempotencyKey !== undefined) return undefined;
  if (request.puts !== undefined || request.rejects !== undefined) return undefined;
  const length = lengthOf(body);
  const bytes = partsOf(body)[0];
  if (length > SMALL_BODY_BYTES_MAX || bytes === undefined || bytes.length !== length) return undefined;
  if (bytes[0] !== LEFT_BRACE) return undefined;
  const end = bytes.indexOf(LF);
  if (end < 0) return bytes;
  if (end !== length - 1) return undefined;
  return bytes.subarray(0, bytes[end - 1] === CR ? end - 1 : end);
}
