import { isIPv4, isIPv6 } from 'node:net';
import { evaluationError, invalidText } from '../evaluation-error.ts';
import { compiledOnce } from './compiled-cache.ts';
import { type FunctionOverload, overload } from './overload.ts';

/** An address with the bits of its network. */
interface Address {
  readonly family: 4 | 6;
  readonly bits: bigint;
  readonly length: number;
}

const WIDTH = { 4: 32, 6: 128 } as const;

/** PostgreSQL's text of inet: an address, and the length of its network behind a slash. */
const address = compiledOnce((text: string): Address => {
  const [host = '', length, ...more] = text.trim().split('/');
  const family = isIPv4(host) ? 4 : isIPv6(host) && !host.includes('%') ? 6 : undefined;
  if (family === undefined || more.length > 0) throw invalidText('inet', text);
  const width = WIDTH[family];
  if (length !== undefined && (!/^\d{1,3}$/.test(length) || Number(length) > width)) throw invalidText('inet', text);
  return {
    family,
    bits: family === 4 ? bits4(host) : bits6(host),
    length: length === undefined ? width : Number(length),
  };
});

function bits4(host: string): bigint {
  return host.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function bits6(host: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(host);
  const plain =
    dotted === null
      ? host
      : `${dotted[1]}${(bits4(dotted[2]!) >> 16n).toString(16)}:${(bits4(dotted[2]!) & 0xffffn).toString(16)}`;
  const [front = '', back] = plain.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [head, tail] = [groups(front), groups(back ?? '')];
  const zeros = new Array<string>(8 - head.length - tail.length).fill('0');
  return [...head, ...zeros, ...tail].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

function hostText(family: 4 | 6, bits: bigint): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((bits >> BigInt(112 - index * 16)) & 0xffffn).toString(16));
  return shortened(groups);
}

/** The longest run of zeros, of two groups at least, becomes `::` (RFC 5952, section 4.2). */
function shortened(groups: readonly string[]): string {
  let [best, bestLength] = [-1, 1];
  for (let at = 0; at < groups.length; at++) {
    let end = at;
    while (groups[end] === '0') end++;
    if (end - at > bestLength) [best, bestLength] = [at, end - at];
    at = Math.max(at, end - 1);
  }
  if (best < 0) return groups.join(':');
  return `${groups.slice(0, best).join(':')}::${groups.slice(best + bestLength).join(':')}`;
}

function mask({ family, length }: Address): bigint {
  const width = WIDTH[family];
  return ((1n << BigInt(length)) - 1n) << BigInt(width - length);
}

/** Whether the address, or the whole network, lies in the range. */
function isInside(text: string, range: string): boolean {
  const [inner, outer] = [address(text), address(range)];
  if (inner.family !== outer.family || inner.length < outer.length) return false;
  return (inner.bits & mask(outer)) === (outer.bits & mask(outer));
}

function networkOf(text: string): string {
  const found = address(text);
  return `${hostText(found.family, found.bits & mask(found))}/${found.length}`;
}

function broadcastOf(text: string): string {
  const found = address(text);
  const all = (1n << BigInt(WIDTH[found.family])) - 1n;
  const host = hostText(found.family, found.bits | (all & ~mask(found)));
  return found.length === WIDTH[found.family] ? host : `${host}/${found.length}`;
}

function isAddress(text: string): boolean {
  try {
    address(text);
    return true;
  } catch {
    return false;
  }
}

function withLength(text: string, length: number): string {
  const { family, bits } = address(text);
  if (length < 0 || length > WIDTH[family])
    throw evaluationError('PLAN_INVALID_ARGUMENT', `invalid mask length: ${length}`);
  return length === WIDTH[family] ? hostText(family, bits) : `${hostText(family, bits)}/${length}`;
}

const one = ['text'] as const;
const maskText = (text: string): string => hostText(address(text).family, mask(address(text)));

/** PostgreSQL's functions of inet (its manual, section 9.12), of addresses that are texts; and a test of ranges. */
export const NETWORK_FUNCTIONS: readonly FunctionOverload[] = [
  overload('ip_in_range', ['text', 'text'], 'boolean', isInside),
  overload('is_ip_address', one, 'boolean', isAddress),
  overload('host', one, 'text', (text: string) => hostText(address(text).family, address(text).bits)),
  overload('family', one, 'int4', (text: string) => address(text).family),
  overload('masklen', one, 'int4', (text: string) => address(text).length),
  overload('netmask', one, 'text', maskText),
  overload('network', one, 'text', networkOf),
  overload('broadcast', one, 'text', broadcastOf),
  overload('set_masklen', ['text', 'int4'], 'text', withLength),
];

const EARTH_RADIUS_M = 6_371_008.8;
const RADIANS = Math.PI / 180;

function checkedDegrees(value: number, limit: number, name: string): number {
  if (Math.abs(value) <= limit) return value * RADIANS;
  throw evaluationError('PLAN_INVALID_ARGUMENT', `${name} ${value} is not between -${limit} and ${limit}`);
}

/** Great-circle distance in metres on a sphere of the earth's mean radius, by the haversine formula. */
function distance(latitude1: number, longitude1: number, latitude2: number, longitude2: number): number {
  const [a, b] = [checkedDegrees(latitude1, 90, 'latitude'), checkedDegrees(latitude2, 90, 'latitude')];
  const turn = checkedDegrees(longitude2, 180, 'longitude') - checkedDegrees(longitude1, 180, 'longitude');
  const half = Math.sin((b - a) / 2) ** 2 + Math.cos(a) * Math.cos(b) * Math.sin(turn / 2) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(half)));
}

export const GEOGRAPHY_FUNCTIONS: readonly FunctionOverload[] = [
  overload('geo_distance', ['float8', 'float8', 'float8', 'float8'], 'float8', distance),
];
