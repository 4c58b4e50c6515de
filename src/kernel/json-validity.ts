import { JSON_DEPTH_MAX, ROW_ERRORS, type RowErrorReason } from './json-decoder.ts';
import type { Kernel } from './kernel.ts';

export type JsonValidity =
  | { readonly valid: true }
  /** `position` is the byte at which it stops being JSON. */
  | { readonly valid: false; readonly reason: RowErrorReason; readonly position: number };

/**
 * Whether the bytes are one JSON text (RFC 8259) in well-formed UTF-8: what `JSON.parse` of the strictly decoded bytes accepts,
 * but for two things: nesting beyond `depthMax`, and a byte order mark, are refused. Resets nothing; the copy lies in the arena.
 */
export function checkJson(kernel: Kernel, bytes: Uint8Array, depthMax: number = JSON_DEPTH_MAX): JsonValidity {
  const pointer = kernel.arenaCopy(bytes);
  if (kernel.exports.validate(pointer, pointer + bytes.length, depthMax) !== 0) return { valid: true };
  const reason = ROW_ERRORS[kernel.exports.lastFailureCode()] ?? 'malformed';
  return { valid: false, reason, position: (kernel.exports.lastFailureAt() >>> 0) - pointer };
}

/** {@link checkJson} without the why. */
export function isValidJson(kernel: Kernel, bytes: Uint8Array, depthMax: number = JSON_DEPTH_MAX): boolean {
  return checkJson(kernel, bytes, depthMax).valid;
}
