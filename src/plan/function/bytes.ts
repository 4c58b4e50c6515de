import { createHash, createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { evaluationError } from '../evaluation-error.ts';
import { parseEscapedBytes } from '../value/bytes-text.ts';
import { TEXT_LENGTH_MAX } from './limits.ts';
import { type FunctionOverload, overload } from './overload.ts';

const invalid = (message: string): Error => evaluationError('PLAN_INVALID_ARGUMENT', message);

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'utf8');

/** Hash functions by the name that digest and hmac know them by (pgcrypto's). */
const ALGORITHMS: ReadonlySet<string> = new Set(['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512']);

function algorithmOf(name: string): string {
  const known = name.toLowerCase().replace('-', '');
  if (!ALGORITHMS.has(known)) throw invalid(`cannot use "${name}": no such hash algorithm`);
  return known;
}

const hash = (algorithm: string, data: Uint8Array): Uint8Array =>
  new Uint8Array(createHash(algorithmOf(algorithm)).update(data).digest());

const keyedHash = (algorithm: string, data: Uint8Array, key: Uint8Array): Uint8Array =>
  new Uint8Array(createHmac(algorithmOf(algorithm), key).update(data).digest());

const BASE64_LINE = 76;

/** PostgreSQL breaks base64 after 76 characters. */
function encode(data: Uint8Array, format: string): string {
  const buffer = Buffer.from(data);
  switch (format.toLowerCase()) {
    case 'hex':
      return buffer.toString('hex');
    case 'base64':
      return buffer.toString('base64').replace(new RegExp(`(.{${BASE64_LINE}})(?=.)`, 'g'), '$1\n');
    case 'escape':
      return Array.from(buffer, escapedByte).join('');
    default:
      throw invalid(`unrecognized encoding: "${format}"`);
  }
}

function escapedByte(byte: number): string {
  if (byte === 0x5c) return '\\\\';
  return byte === 0 || byte > 0x7f ? `\\${byte.toString(8).padStart(3, '0')}` : String.fromCharCode(byte);
}

function decode(text: string, format: string): Uint8Array {
  switch (format.toLowerCase()) {
    case 'hex': {
      const digits = text.replace(/\s/g, '');
      if (digits.length % 2 !== 0) throw invalid('invalid hexadecimal data: odd number of digits');
      if (!/^[0-9a-f]*$/i.test(digits)) throw invalid('invalid hexadecimal digit');
      return new Uint8Array(Buffer.from(digits, 'hex'));
    }
    case 'base64':
      return decodeBase64(text.replace(/\s/g, ''));
    case 'escape':
      return parseEscapedBytes(text);
    default:
      throw invalid(`unrecognized encoding: "${format}"`);
  }
}

function decodeBase64(digits: string): Uint8Array {
  const symbol = /[^A-Za-z0-9+/=]/.exec(digits);
  if (symbol !== null) throw invalid(`invalid symbol "${symbol[0]}" found while decoding base64 sequence`);
  if (!/^[^=]*={0,2}$/.test(digits) || digits.length % 4 !== 0) throw invalid('invalid base64 end sequence');
  return new Uint8Array(Buffer.from(digits, 'base64'));
}

function checkedIndex(index: number, length: number): number {
  if (index < 0 || index >= length)
    throw evaluationError('PLAN_OUT_OF_RANGE', `index ${index} out of valid range, 0..${length - 1}`);
  return index;
}

function withByte(data: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(data);
  copy[checkedIndex(at, data.length)] = value;
  return copy;
}

/** Bits count from the lowest of each byte. */
function bitOf(data: Uint8Array, at: bigint): number {
  const index = checkedIndex(Number(at), data.length * 8);
  return (data[index >> 3]! >> (index & 7)) & 1;
}

function withBit(data: Uint8Array, at: bigint, value: number): Uint8Array {
  if (value !== 0 && value !== 1) throw invalid('new bit must be 0 or 1');
  const index = checkedIndex(Number(at), data.length * 8);
  const byte = data[index >> 3]!;
  return withByte(data, index >> 3, value === 1 ? byte | (1 << (index & 7)) : byte & ~(1 << (index & 7)));
}

function bitCount(data: Uint8Array): bigint {
  let count = 0;
  for (const byte of data) for (let rest = byte; rest > 0; rest &= rest - 1) count++;
  return BigInt(count);
}

function part(data: Uint8Array, start: number, count?: number): Uint8Array {
  if (count !== undefined && count < 0) throw invalid('negative substring length not allowed');
  const end = count === undefined ? data.length : start - 1 + count;
  return data.slice(Math.max(0, start - 1), Math.max(0, end));
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length + b.length > TEXT_LENGTH_MAX) throw evaluationError('PLAN_OUT_OF_RANGE', 'requested length too large');
  return new Uint8Array(Buffer.concat([a, b]));
}

function trimmed(data: Uint8Array, cut: Uint8Array, left: boolean, right: boolean): Uint8Array {
  const bytes = new Set(cut);
  let [start, end] = [0, data.length];
  while (left && start < end && bytes.has(data[start]!)) start++;
  while (right && end > start && bytes.has(data[end - 1]!)) end--;
  return data.slice(start, end);
}

const ENCODINGS: Readonly<Record<string, string>> = {
  utf8: 'utf-8',
  'utf-8': 'utf-8',
  latin1: 'latin1',
  sql_ascii: 'ascii',
};

function encodingOf(name: string): string {
  const found = ENCODINGS[name.toLowerCase()];
  if (found === undefined) throw invalid(`invalid encoding name "${name}": UTF8, LATIN1 and SQL_ASCII are known`);
  return found;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function convertFrom(data: Uint8Array, name: string): string {
  const encoding = encodingOf(name);
  if (encoding === 'latin1') return Buffer.from(data).toString('latin1');
  try {
    return UTF8.decode(data);
  } catch {
    throw invalid('invalid byte sequence for encoding "UTF8"');
  }
}

function convertTo(text: string, name: string): Uint8Array {
  if (encodingOf(name) !== 'latin1') return bytesOf(text);
  for (const point of text) {
    if (point.codePointAt(0)! > 0xff) throw invalid(`character "${point}" has no equivalent in encoding "LATIN1"`);
  }
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

const ofHash = (name: string): FunctionOverload[] => [
  overload(name, ['bytea'], 'bytea', (data: Uint8Array) => hash(name, data)),
];
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Hashes, encodings and functions of byte strings (PostgreSQL manual, section 9.5, and its pgcrypto). Positions of bytes begin at 1, indexes at 0. */
export const BYTE_FUNCTIONS: readonly FunctionOverload[] = [
  overload('md5', ['text'], 'text', (text: string) => hex(hash('md5', bytesOf(text)))),
  overload('md5', ['bytea'], 'text', (data: Uint8Array) => hex(hash('md5', data))),
  ...['sha224', 'sha256', 'sha384', 'sha512'].flatMap(ofHash),
  overload('digest', ['text', 'text'], 'bytea', (text: string, name: string) => hash(name, bytesOf(text))),
  overload('digest', ['bytea', 'text'], 'bytea', (data: Uint8Array, name: string) => hash(name, data)),
  overload('hmac', ['text', 'text', 'text'], 'bytea', (text: string, key: string, name: string) =>
    keyedHash(name, bytesOf(text), bytesOf(key)),
  ),
  overload('hmac', ['bytea', 'bytea', 'text'], 'bytea', (data: Uint8Array, key: Uint8Array, name: string) =>
    keyedHash(name, data, key),
  ),
  overload('crc32', ['text'], 'int8', (text: string) => BigInt(crc32(text))),
  overload('crc32', ['bytea'], 'int8', (data: Uint8Array) => BigInt(crc32(data))),
  overload('encode', ['bytea', 'text'], 'text', encode),
  overload('decode', ['text', 'text'], 'bytea', decode),
  overload('convert_from', ['bytea', 'text'], 'text', convertFrom),
  overload('convert_to', ['text', 'text'], 'bytea', convertTo),
  overload('length', ['bytea'], 'int4', (data: Uint8Array) => data.length),
  overload('octet_length', ['bytea'], 'int4', (data: Uint8Array) => data.length),
  overload('bit_length', ['bytea'], 'int4', (data: Uint8Array) => data.length * 8),
  overload('bit_count', ['bytea'], 'int8', bitCount),
  overload(
    'get_byte',
    ['bytea', 'int4'],
    'int4',
    (data: Uint8Array, at: number) => data[checkedIndex(at, data.length)],
  ),
  overload('set_byte', ['bytea', 'int4', 'int4'], 'bytea', withByte),
  overload('get_bit', ['bytea', 'int8'], 'int4', bitOf),
  overload('set_bit', ['bytea', 'int8', 'int4'], 'bytea', withBit),
  overload('substring', ['bytea', 'int4'], 'bytea', part),
  overload('substring', ['bytea', 'int4', 'int4'], 'bytea', part),
  overload(
    'position',
    ['bytea', 'bytea'],
    'int4',
    (data: Uint8Array, wanted: Uint8Array) => Buffer.from(data).indexOf(wanted) + 1,
  ),
  overload('concat', ['bytea', 'bytea'], 'bytea', joined),
  overload('btrim', ['bytea', 'bytea'], 'bytea', (data: Uint8Array, cut: Uint8Array) => trimmed(data, cut, true, true)),
  overload('ltrim', ['bytea', 'bytea'], 'bytea', (data: Uint8Array, cut: Uint8Array) =>
    trimmed(data, cut, true, false),
  ),
  overload('rtrim', ['bytea', 'bytea'], 'bytea', (data: Uint8Array, cut: Uint8Array) =>
    trimmed(data, cut, false, true),
  ),
];
