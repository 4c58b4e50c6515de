import zlib from 'node:zlib';
import { Decompress } from 'fzstd';
import { messageOf } from '../../base/error.ts';
import { ZSTD_WINDOW_BYTES_MAX } from './limit.ts';
import { httpError } from './problem.ts';
import { zstdFrames } from './zstd-frame.ts';

export const CONTENT_ENCODINGS = ['identity', 'gzip', 'zstd'] as const;
export type ContentEncoding = (typeof CONTENT_ENCODINGS)[number];

/** Compressed input given to the zstd decoder at a time, so that its output is counted before it can grow. */
const ZSTD_STEP_BYTES = 16 * 1024;

type ZstdDecompress = (
  body: Uint8Array,
  options: { readonly maxOutputLength: number },
  done: (error: Error | null, result: Buffer) => void,
) => void;

/** From Node 22.15 on zlib has zstd of its own; before that a library decodes it. */
const nativeZstd = (zlib as unknown as { readonly zstdDecompress?: ZstdDecompress }).zstdDecompress;

/** @throws HeadraceError `HTTP_ENCODING` with the list of what is taken */
export function contentEncodingOf(header: string | undefined): ContentEncoding {
  if (header === undefined) return 'identity';
  const name = header.trim().toLowerCase();
  if (name === 'gzip' || name === 'x-gzip') return 'gzip';
  if (name === 'zstd' || name === 'identity') return name;
  throw httpError(
    'HTTP_ENCODING',
    `reading the body: Content-Encoding "${header}" is not taken here`,
    'send it with gzip or zstd, or without compression',
  );
}

/**
 * The body in plain, never more than `bytesMax` of it.
 * @throws HeadraceError `HTTP_BODY_TOO_LARGE`, `HTTP_BODY_TRUNCATED`, `HTTP_BODY_INVALID`
 */
export function decompress(body: Uint8Array, encoding: ContentEncoding, bytesMax: number): Promise<Uint8Array> {
  if (encoding === 'gzip') return gunzip(body, bytesMax);
  if (encoding === 'zstd') return unzstd(body, bytesMax);
  return Promise.resolve(body);
}

function gunzip(body: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    zlib.gunzip(body, { maxOutputLength: bytesMax }, (error, plain) => {
      if (error === null) resolve(plain);
      else reject(decodeError(error, 'gzip', bytesMax));
    });
  });
}

async function unzstd(body: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  const frames = zstdFrames(body, ZSTD_WINDOW_BYTES_MAX);
  return nativeZstd === undefined
    ? unzstdByLibrary(body, bytesMax)
    : await unzstdNatively(nativeZstd, frames, bytesMax);
}

/** Frame by frame: Node's own decoder stops after the first. */
async function unzstdNatively(
  decode: ZstdDecompress,
  frames: readonly Uint8Array[],
  bytesMax: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (const frame of frames) {
    const chunk = await new Promise<Uint8Array>((resolve, reject) => {
      decode(frame, { maxOutputLength: Math.max(1, bytesMax - bytes) }, (error, plain) => {
        if (error === null) resolve(plain);
        else reject(decodeError(error, 'zstd', bytesMax));
      });
    });
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge('zstd', bytesMax);
  }
  return Buffer.concat(chunks, bytes);
}

function unzstdByLibrary(body: Uint8Array, bytesMax: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const decoder = new Decompress((chunk) => {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge('zstd', bytesMax);
    if (chunk.length > 0) chunks.push(chunk);
  });
  try {
    for (let at = 0; at < body.length; at += ZSTD_STEP_BYTES) {
      const end = Math.min(body.length, at + ZSTD_STEP_BYTES);
      decoder.push(body.subarray(at, end), end === body.length);
    }
  } catch (error) {
    throw decodeError(error, 'zstd', bytesMax);
  }
  return Buffer.concat(chunks, bytes);
}

function decodeError(error: unknown, encoding: string, bytesMax: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && code.startsWith('HTTP_')) return error;
  if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(encoding, bytesMax);
  if (code === 'Z_BUF_ERROR') {
    return httpError(
      'HTTP_BODY_TRUNCATED',
      `decompressing the body: it ends in the middle of its ${encoding} data`,
      'send the whole body',
      error,
    );
  }
  return httpError(
    'HTTP_BODY_INVALID',
    `decompressing the body: it is not valid ${encoding} (${messageOf(error)})`,
    `compress it with ${encoding}, or drop Content-Encoding`,
    error,
  );
}

function tooLarge(encoding: string, bytesMax: number) {
  return httpError(
    'HTTP_BODY_TOO_LARGE',
    `decompressing the body: its ${encoding} data is more than ${bytesMax} bytes in plain`,
    'send it in several requests',
  );
}
