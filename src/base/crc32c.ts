/**
 * CRC-32C (Castagnoli; RFC 3720 appendix B.4, reflected polynomial 0x82F63B78), by slicing over eight bytes at a time.
 * The hot path allocates nothing.
 */
const TABLES = buildTables();

function buildTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let i = 0; i < 256; i++) {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    tables[i] = value;
  }
  for (let i = 0; i < 256; i++) {
    let value = tables[i]!;
    for (let slice = 1; slice < 8; slice++) {
      value = (value >>> 8) ^ tables[value & 255]!;
      tables[slice * 256 + i] = value;
    }
  }
  return tables;
}

/**
 * CRC-32C of `bytes[start, end)`, as an unsigned 32-bit number. Pass the CRC of what came before as `previous` to go on.
 *
 * @example
 * ```ts
 * crc32c(new TextEncoder().encode('123456789')); // 0xe3069283
 * ```
 */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, previous = 0): number {
  const t = TABLES;
  let crc = ~previous;
  let i = start;
  const aligned = end - 7;
  for (; i < aligned; i += 8) {
    const low = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    crc =
      t[1792 + (low & 255)]! ^
      t[1536 + ((low >>> 8) & 255)]! ^
      t[1280 + ((low >>> 16) & 255)]! ^
      t[1024 + (low >>> 24)]! ^
      t[768 + bytes[i + 4]!]! ^
      t[512 + bytes[i + 5]!]! ^
      t[256 + bytes[i + 6]!]! ^
      t[bytes[i + 7]!]!;
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]!) & 255]!;
  return ~crc >>> 0;
}
