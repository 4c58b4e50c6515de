import { exampleGroup, type SqlExample } from './example.ts';

export const BYTE_EXAMPLES: readonly SqlExample[] = exampleGroup('Bytes and hashes', [
  ['a || b', 'joined', "'\\x12'::bytea || '\\x34'::bytea", '\\x1234'],
  ['encode(a, format)', 'bytes as text: hex, base64 or escape', "encode('\\x1234'::bytea, 'base64')", 'EjQ='],
  ['decode(a, format)', 'and back', "decode('EjQ=', 'base64')", '\\x1234'],
  ['convert_to(a, encoding)', 'text as bytes: UTF8, LATIN1', "convert_to('é', 'LATIN1')", '\\xe9'],
  ['convert_from(a, encoding)', 'bytes as text', "convert_from('\\xc3a9'::bytea, 'UTF8')", 'é'],
  ['get_byte(a, n), set_byte(a, n, value)', 'a byte by its index from 0', "get_byte('\\x1234'::bytea, 1)", '52'],
  [
    'get_bit(a, n), set_bit(a, n, value)',
    'a bit by its index, the lowest of each byte first',
    "get_bit('\\x02'::bytea, 1)",
    '1',
  ],
  ['bit_count(a)', 'bits that are set', "bit_count('\\x1234'::bytea)", '5'],
  ['md5(a)', 'the hash of text or bytes, hexadecimal', "md5('abc')", '900150983cd24fb0d6963f7d28e17f72'],
  [
    'sha224(a), sha256(a), sha384(a), sha512(a)',
    'of bytes, as bytes',
    "encode(sha256('abc'), 'hex')",
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  ],
  [
    'digest(a, algorithm)',
    'md5, sha1, sha224 ... sha512 of text or bytes, as pgcrypto',
    "encode(digest('abc', 'sha1'), 'hex')",
    'a9993e364706816aba3e25717850c26c9cd0d89d',
  ],
  [
    'hmac(a, key, algorithm)',
    'a hash with a key',
    "encode(hmac('abc', 'key', 'sha256'), 'hex')",
    '9c196e32dc0175f86f4b1cb89289d6619de6bee699e4c378e68309ed97a1a6ab',
  ],
  ['crc32(a)', 'the checksum of ISO 3309, bigint', "crc32('abc')", '891568578'],
  [
    'md5(a)::uuid',
    'a uuid that is the same for the same text',
    "md5('abc')::uuid",
    '90015098-3cd2-4fb0-d696-3f7d28e17f72',
  ],
]);
