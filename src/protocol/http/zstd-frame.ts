import { httpError } from './problem.ts';

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;

/**
 * The frames of a zstd body that hold data, found by walking its blocks without decompressing (RFC 8878, section 3.1.1):
 * a cut body and a frame that asks for a giant window are known before anything is allocated for them.
 *
 * @throws HeadraceError `HTTP_BODY_TRUNCATED`, `HTTP_BODY_INVALID`, `HTTP_BODY_TOO_LARGE`
 */
export function zstdFrames(body: Uint8Array, windowBytesMax: number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let at = 0;
  while (at < body.length) {
    if (at + 4 > body.length) throw truncated();
    const magic = view.getUint32(at, true);
    if (magic >>> 4 === SKIPPABLE_MAGIC >>> 4) {
      if (at + 8 > body.length) throw truncated();
      at += 8 + view.getUint32(at + 4, true);
    } else if (magic === FRAME_MAGIC) {
      const start = at;
      at = walkFrame(view, at + 4, windowBytesMax);
      frames.push(body.subarray(start, at));
    } else {
      throw httpError(
        'HTTP_BODY_INVALID',
        `decompressing the body: byte ${at} does not begin a zstd frame`,
        'compress it with zstd, or drop Content-Encoding',
      );
    }
  }
  if (at > body.length) throw truncated();
  return frames;
}

function walkFrame(view: DataView, start: number, windowBytesMax: number): number {
  const end = view.byteLength;
  if (start >= end) throw truncated();
  const descriptor = view.getUint8(start);
  const singleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >>> 6;
  const contentSizeBytes = sizeFlag === 0 ? (singleSegment ? 1 : 0) : CONTENT_SIZE_BYTES[sizeFlag]!;
  const windowAt = start + 1;
  const contentSizeAt = windowAt + (singleSegment ? 0 : 1) + DICTIONARY_ID_BYTES[descriptor & 3]!;
  let at = contentSizeAt + contentSizeBytes;
  if (at > end) throw truncated();
  const window = singleSegment
    ? contentSize(view, contentSizeAt, contentSizeBytes)
    : windowSize(view.getUint8(windowAt));
  if (window > windowBytesMax) {
    throw httpError(
      'HTTP_BODY_TOO_LARGE',
      `decompressing the body: its zstd window of ${window} bytes is over the limit of ${windowBytesMax}`,
      'compress with a smaller window (zstd --long=23 at most), or send smaller bodies',
    );
  }
  for (let last = false; !last; ) {
    if (at + 3 > end) throw truncated();
    const header = view.getUint8(at) | (view.getUint8(at + 1) << 8) | (view.getUint8(at + 2) << 16);
    last = (header & 1) === 1;
    const runLength = ((header >>> 1) & 3) === 1;
    at += 3 + (runLength ? 1 : header >>> 3);
    if (at > end) throw truncated();
  }
  return at + ((descriptor & 4) !== 0 ? 4 : 0);
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}

function contentSize(view: DataView, at: number, bytes: number): number {
  if (bytes === 1) return view.getUint8(at);
  if (bytes === 2) return view.getUint16(at, true) + 256;
  if (bytes === 4) return view.getUint32(at, true);
  return Number(view.getBigUint64(at, true));
}

function truncated() {
  return httpError(
    'HTTP_BODY_TRUNCATED',
    'decompressing the body: it ends in the middle of a zstd frame',
    'send the whole body',
  );
}
