import { runInNewContext } from 'node:vm';
import { SeededRandom } from '../../bench/reference-events.ts';
import { createJsonDecoder } from '../../src/kernel/json-decoder.ts';
import type { JsonField } from '../../src/kernel/json-shape.ts';
import { isValidJson } from '../../src/kernel/json-validity.ts';
import { Kernel } from '../../src/kernel/kernel.ts';

const KEYS = ['n', 's', 'o', 'j', 'x', 'nn', '', 'a long key that needs more than sixteen bytes', 'é', '"', '\\', '😀'];
const TEXTS = ['', 'a', '"', '\\', '\n', '\u0000', '\u007f', 'é', '€', '😀', '\ud800', '\udc00', ' plain text of some length, enough for two steps ', '/'];
const NUMBERS = ['0', '-0', '1', '-1', '12.5', '1e5', '1E-7', '0.1', '123456789012345678901234567890', '1.7976931348623157e308', '5e-324', '2.2250738585072011e-308', '9007199254740993', '0.30000000000000004', '1e23', '-1.5e+10'];
const SPACES = ['', '', '', '', ' ', '\t', '  ', '\r'];
const BYTES = [0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d, 0x2c, 0x3a, 0x20, 0x0a, 0x00, 0x2d, 0x2e, 0x30, 0x39, 0x65, 0x75, 0x80, 0xc3, 0xe2, 0xed, 0xf0, 0xf4, 0xff];

/** Writes a random JSON text, with white space, escapes and key order of its own. */
class Writer {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  #string(text: string): string {
    const plain = JSON.stringify(text);
    if (this.#random.below(4) > 0) return plain;
    const escaped = [...Array(text.length).keys()].map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`);
    return `"${escaped.join('')}"`;
  }

  #number(): string {
    const random = this.#random;
    if (random.below(2) === 0) return random.pick(NUMBERS);
    const digits = String(random.next()).repeat(1 + random.below(2)).replace(/^0+(?=\d)/, '');
    const point = random.below(2) === 0 ? '' : `.${random.next()}`;
    return `${digits}${point}${random.below(3) === 0 ? `e${random.below(60) - 30}` : ''}`;
  }

  object(depth: number): string {
    const members = Array.from({ length: this.#random.below(6) }, () => {
      const key = this.#string(this.#random.pick(KEYS));
      return `${this.#space()}${key}${this.#space()}:${this.value(depth + 1)}`;
    });
    return `{${members.join(',')}${this.#space()}}`;
  }

  #space(): string {
    return this.#random.pick(SPACES);
  }

  value(depth: number): string {
    const random = this.#random;
    const kind = random.below(depth > 4 ? 4 : 6);
    const inner = () => {
      if (kind === 0) return this.#number();
      if (kind === 1) return this.#string(random.pick(TEXTS) + random.pick(TEXTS));
      if (kind === 2) return random.pick(['true', 'false', 'null']);
      if (kind === 3) return this.#number();
      if (kind === 4) return this.object(depth);
      return `[${Array.from({ length: random.below(4) }, () => this.value(depth + 1)).join(',')}${this.#space()}]`;
    };
    return `${this.#space()}${inner()}${this.#space()}`;
  }
}

/** Changes, drops, doubles or cuts bytes. */
function mutate(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  let changed = Buffer.from(bytes);
  for (let n = random.below(3); n >= 0 && changed.length > 0; n--) {
    const at = random.below(changed.length);
    const how = random.below(4);
    if (how === 0) changed[at] = random.pick(BYTES);
    else if (how === 1) changed = Buffer.concat([changed.subarray(0, at), changed.subarray(at + 1)]);
    else if (how === 2) changed = Buffer.concat([changed.subarray(0, at), Buffer.from([random.pick(BYTES)]), changed.subarray(at)]);
    else changed = changed.subarray(0, at);
  }
  return changed;
}

const FIELDS: readonly JsonField[] = [
  { path: ['n'], kind: 'float8', types: ['number', 'null', 'boolean', 'string', 'object', 'array'] },
  { path: ['s'], kind: 'text', types: ['string', 'null', 'object', 'array'] },
  { path: ['o', 'n'], kind: 'jsonb' },
  { path: ['j'], kind: 'jsonb' },
];

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Compares the kernel with JSON.parse on generated documents, whole and damaged; returns what they disagree on. */
export class JsonDocuments {
  readonly #kernel = Kernel.create();
  readonly #decoder = createJsonDecoder(this.#kernel, FIELDS);
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  readonly #random: SeededRandom;
  readonly #writer: Writer;
  valid = 0;
  refused = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#writer = new Writer(this.#random);
  }

  /** Checks one more document; a message when kernel and JSON.parse differ. */
  next(): string | undefined {
    const whole = Buffer.from(this.#random.below(8) === 0 ? this.#writer.value(0) : this.#writer.object(0));
    return this.check(this.#random.below(2) === 0 ? whole : mutate(whole, this.#random));
  }

  /**
   * JSON.parse of V8 13.6 (Node 24) can take an escaped key for another one after it has seen many objects: `{"\u006e":1}`
   * gave the key `\`. A difference counts when JSON.parse of a realm that has seen none says the same.
   */
  check(bytes: Uint8Array): string | undefined {
    const difference = this.#check(bytes, JSON.parse);
    return difference && this.#check(bytes, (text) => (runInNewContext('JSON.parse') as typeof JSON.parse)(text));
  }

  #check(bytes: Uint8Array, parse: (text: string) => unknown): string | undefined {
    const kernel = this.#kernel;
    kernel.arenaReset();
    let parsed: { value: unknown } | undefined;
    try {
      parsed = { value: parse(this.#utf8.decode(bytes)) };
      this.valid++;
    } catch {
      this.refused++;
    }
    const shown = Buffer.from(bytes).toString('latin1');
    if (isValidJson(kernel, bytes) !== (parsed !== undefined)) return `validity of ${shown}`;
    const batch = this.#decoder.decodeBytes('one', bytes);
    const [error] = this.#decoder.errors(batch);
    if (parsed === undefined) return error === undefined || error.reason === 'type' ? `decoding took ${shown}` : undefined;
    if (!isObject(parsed.value)) return error?.reason === 'type' ? undefined : `decoding a row that is no object: ${shown}`;
    return this.#compare(parsed.value, error?.reason, batch.columns, { parse, shown });
  }

  #compare(value: Json, error: string | undefined, columns: readonly { data: number; nulls: number }[], how: { readonly parse: (text: string) => unknown; readonly shown: string }) {
    const { parse, shown } = how;
    const n = value['n'];
    const s = value['s'];
    const isWrongNumber = typeof n === 'number' && !Number.isFinite(n);
    const isWrongText = typeof s === 'number' || typeof s === 'boolean';
    // With both wrong, the one that comes first is reported.
    if (isWrongNumber || isWrongText) {
      const isRight = (isWrongNumber && error === 'range') || (isWrongText && error === 'type');
      return isRight ? undefined : `a value that its column cannot hold, reported as ${error}, in ${shown}`;
    }
    if (error !== undefined) return `${error} of ${shown}`;
    const kernel = this.#kernel;
    const isNull = (index: number) => kernel.u8()[columns[index]!.nulls] === 1;
    const text = (index: number) => kernel.textOfReference(columns[index]!.data);
    if (isNull(0) !== (typeof n !== 'number')) return `null number in ${shown}`;
    if (typeof n === 'number' && !Object.is(kernel.f64()[columns[0]!.data / 8], n)) return `number in ${shown}`;
    if (isNull(1) !== (typeof s !== 'string')) return `null text in ${shown}`;
    if (typeof s === 'string' && text(1) !== Buffer.from(s).toString()) return `text in ${shown}`;
    const o = value['o'];
    for (const [index, wanted] of [[2, isObject(o) ? o['n'] : undefined], [3, value['j']]] as const) {
      if (isNull(index) !== (wanted === undefined || wanted === null)) return `null value in ${shown}`;
      if (!isNull(index) && JSON.stringify(parse(text(index))) !== JSON.stringify(wanted)) return `value in ${shown}`;
    }
    return undefined;
  }
}
