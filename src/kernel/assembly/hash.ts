// 64-bit hashes of bytes, string references and integers. Multiply and fold: WebAssembly has no 64 x 64 -> 128 bit
// product, so each step multiplies by an odd constant and folds the high half down. Not stable across versions of the
// engine's semantics, and not cryptographic.

const K0: u64 = 0x9e3779b97f4a7c15;
const K1: u64 = 0xff51afd7ed558ccd;
const K2: u64 = 0xc4ceb9fe1a85ec53;

/** Finalizer: every input bit reaches every output bit. */
@inline
export function mix64(x: u64): u64 {
  x ^= x >> 32;
  x *= K1;
  x ^= x >> 29;
  x *= K2;
  x ^= x >> 32;
  return x;
}

/** Hash of one integer, continuing from `seed` (0, or the hash so far). */
@inline
export function hash64(value: u64, seed: u64): u64 {
  return mix64((value * K0) ^ rotl(seed, 23) + K2);
}

/** Hash of `length` bytes. May read up to 7 bytes past the end. */
export function hashBytes(pointer: usize, length: u32, seed: u64): u64 {
  let a: u64 = seed ^ (<u64>length * K0);
  let b: u64 = K2;
  const end = pointer + length;
  while (pointer + 16 <= end) {
    a = (a ^ load<u64>(pointer)) * K1;
    b = (b ^ load<u64>(pointer, 8)) * K2;
    a ^= a >> 32;
    b ^= b >> 29;
    pointer += 16;
  }
  if (pointer + 8 <= end) {
    a = (a ^ load<u64>(pointer)) * K1;
    a ^= a >> 32;
    pointer += 8;
  }
  if (pointer < end) {
    const tail = load<u64>(pointer) & ((<u64>1 << (<u64>(end - pointer) << 3)) - 1);
    b = (b ^ tail) * K2;
    b ^= b >> 29;
  }
  return mix64(a ^ rotl(b, 31));
}

/** Hash of the string that the 16-byte reference at `reference` points to, continuing from `seed`. */
@inline
export function hashStr(reference: usize, seed: u64): u64 {
  return hashBytes(<usize>load<u32>(reference, 8), load<u32>(reference), seed);
}

/** Whether two string references hold the same bytes. */
export function equalStr(a: usize, b: usize): bool {
  if (load<u64>(a) != load<u64>(b)) return false;
  const length = load<u32>(a);
  if (length <= 4) return true;
  return equalBytes(<usize>load<u32>(a, 8), <usize>load<u32>(b, 8), length);
}

/** Whether `length` bytes are the same. May read up to 15 bytes past the end. */
export function equalBytes(a: usize, b: usize, length: u32): bool {
  const end = a + length;
  while (a + 16 <= end) {
    if (v128.any_true(v128.xor(v128.load(a), v128.load(b)))) return false;
    a += 16;
    b += 16;
  }
  const rest = <u32>(end - a);
  if (rest == 0) return true;
  const same = i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b)));
  const wanted = (1 << rest) - 1;
  return (same & wanted) == wanted;
}
