const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

/** The upper half of {@link murmur3}: two unsigned 32-bit words. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

function rotate(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

function mix(k: number, first: number, bits: number, second: number): number {
  return Math.imul(rotate(Math.imul(k, first), bits), second);
}

/** Avalanche of the last step. */
function finish(h: number): number {
  let x = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/** The first 64 bits of MurmurHash3_x86_128 (A. Appleby, 2011) with seed 0: the same on every machine. */
export function murmur3(bytes: Uint8Array): Hash64 {
  const { length } = bytes;
  const word = (at: number): number =>
    bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  let [h1, h2, h3, h4] = [0, 0, 0, 0];
  const blocks = length >>> 4;
  for (let at = 0; at < blocks * 16; at += 16) {
    h1 ^= mix(word(at), C1, 15, C2);
    h1 = (Math.imul(rotate(h1, 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 ^= mix(word(at + 4), C2, 16, C3);
    h2 = (Math.imul(rotate(h2, 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 ^= mix(word(at + 8), C3, 17, C4);
    h3 = (Math.imul(rotate(h3, 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 ^= mix(word(at + 12), C4, 18, C1);
    h4 = (Math.imul(rotate(h4, 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  const tail = [0, 0, 0, 0];
  for (let i = 0; i < (length & 15); i++) tail[i >>> 2]! |= bytes[blocks * 16 + i]! << ((i & 3) * 8);
  h4 ^= mix(tail[3]!, C4, 18, C1);
  h3 ^= mix(tail[2]!, C3, 17, C4);
  h2 ^= mix(tail[1]!, C2, 16, C3);
  h1 ^= mix(tail[0]!, C1, 15, C2);
  [h1, h2, h3, h4] = [h1 ^ length, h2 ^ length, h3 ^ length, h4 ^ length];
  h1 = (h1 + h2 + h3 + h4) | 0;
  [h2, h3, h4] = [(h2 + h1) | 0, (h3 + h1) | 0, (h4 + h1) | 0];
  [h1, h2, h3, h4] = [finish(h1), finish(h2), finish(h3), finish(h4)];
  h1 = (h1 + h2 + h3 + h4) | 0;
  return { high: h1 >>> 0, low: (h2 + h1) >>> 0 };
}
