const M = 0x5bd1e995;

/**
 * Austin Appleby's MurmurHash2 with the seed of Kafka's default partitioner, as a signed 32-bit number: the partition of a key is
 * `(murmur2(key) & 0x7fffffff) % partitions`, so that Kafka's own clients agree.
 *
 * @example
 * ```ts
 * murmur2(utf8('foobar')); // -790332482
 * ```
 */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  let hash = 0x9747b28c ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    k = Math.imul(k, M);
    k = Math.imul(k ^ (k >>> 24), M);
    hash = Math.imul(hash, M) ^ k;
  }
  const rest = length - at;
  if (rest > 0) {
    for (let i = rest - 1; i >= 0; i--) hash ^= bytes[at + i]! << (8 * i);
    hash = Math.imul(hash, M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

/** The partition of a key, as Kafka's default partitioner has it. */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return partitions === 1 ? 0 : (murmur2(key) & 0x7fffffff) % partitions;
}
