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

/** CRC-32C of `length` bytes. */
export function crc32c(pointer: usize, length: u32): u32 {
  if (!ready) prepare();
  let crc: u32 = 0xffffffff;
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
  return ~crc;
}
