// CRC-32C (Castagnoli; RFC 3720, appendix B.4), reflected, sixteen bytes a step (slicing by 16: M. Kounavis and F. Berry,
// A systematic approach to building high performance software-based CRC generators, 2005).

const POLYNOMIAL: u32 = 0x82f63b78;
const tables: usize = memory.data(16 * 1024, 16);
let ready = false;

function prepare(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let c = i;
    for (let bit = 0; bit < 8; bit++) c = (c >> 1) ^ (POLYNOMIAL & (0 - (c & 1)));
    store<u32>(tables + (<usize>i << 2), c);
  }
  for (let slice: usize = 1; slice < 16; slice++) {
    for (let i: usize = 0; i < 256; i++) {
      const c = load<u32>(tables + ((slice - 1) << 10) + (i << 2));
      store<u32>(tables + (slice << 10) + (i << 2), (c >> 8) ^ load<u32>(tables + ((<usize>c & 0xff) << 2)));
    }
  }
  ready = true;
}

@inline
function four(value: u32, slice: usize): u32 {
  return (
    (load<u32>(tables + (<usize>(value & 0xff) << 2) + ((slice + 3) << 10)) ^
      load<u32>(tables + (<usize>((value >> 8) & 0xff) << 2) + ((slice + 2) << 10))) ^
    (load<u32>(tables + (<usize>((value >> 16) & 0xff) << 2) + ((slice + 1) << 10)) ^
      load<u32>(tables + (<usize>(value >> 24) << 2) + (slice << 10)))
  );
}

function update(crc: u32, pointer: usize, length: usize): u32 {
  const end = pointer + length;
  while (pointer + 16 <= end) {
    const a = load<u32>(pointer) ^ crc;
    const b = load<u32>(pointer, 4);
    const c = load<u32>(pointer, 8);
    const d = load<u32>(pointer, 12);
    crc = four(a, 12) ^ four(b, 8) ^ (four(c, 4) ^ four(d, 0));
    pointer += 16;
  }
  while (pointer < end) crc = (crc >> 8) ^ load<u32>(tables + (<usize>((crc ^ load<u8>(pointer++)) & 0xff) << 2));
  return crc;
}

// Long inputs are first made short without tables (S. Russell, "Chorba: A novel CRC32 implementation", arXiv:2412.16398, 2024).
// The generator divides 1 + x^2491 + x^3574 + x^5321, so it divides its eighth power, which has the same exponents in bytes: a
// byte may be added to the bytes 1747, 2830 and 5321 behind it, and then counts as zero. What is left is the last 5321 bytes.
// The distances are those of the multiples of four terms (there are none of fewer, nor shorter than 5275) whose least is largest:
// a load close behind a store would wait for it.
const NEAR: usize = 1747;
const MIDDLE: usize = 2830;
const FAR: usize = 5321;
const HISTORY: usize = 5328;
const BLOCK: usize = 8192;
/** Shorter inputs gain nothing. */
const LONG_MIN: u32 = 16384;
const window: usize = memory.data(5328 + 8192, 16);
const rest: usize = memory.data(5376, 16);

@inline
function earlier(at: usize): v128 {
  return v128.xor(v128.load(at - NEAR), v128.xor(v128.load(at - MIDDLE), v128.load(at - FAR)));
}

/** The register after a long input. */
function long(pointer: usize, length: usize): u32 {
  const cut = (length - FAR) & ~15;
  const fresh = window + HISTORY;
  memory.fill(window, 0, HISTORY);
  for (let from: usize = 0; from < cut; from += BLOCK) {
    const count = min(BLOCK, cut - from);
    for (let i: usize = 0; i < count; i += 16) {
      let v = v128.xor(v128.load(pointer + from + i), earlier(fresh + i));
      // The register begins with ones: they are added to the first bytes.
      if (from + i == 0) v = v128.xor(v, i32x4(-1, 0, 0, 0));
      v128.store(fresh + i, v);
    }
    memory.copy(window, window + count, HISTORY);
  }
  // What is left takes from what was cut off, and not from itself.
  memory.fill(fresh, 0, BLOCK);
  const left = length - cut;
  for (let i: usize = 0; i < left; i += 16) {
    v128.store(rest + i, v128.xor(v128.load(pointer + cut + i), earlier(fresh + i)));
  }
  return update(0, rest, left);
}

/** CRC-32C of `length` bytes. May read up to 15 bytes past the end. */
export function crc32c(pointer: usize, length: u32): u32 {
  if (!ready) prepare();
  return ~(length < LONG_MIN ? update(0xffffffff, pointer, length) : long(pointer, length));
}
