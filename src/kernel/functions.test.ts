import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { isoWeek } from '../plan/function/time-field.ts';
import { dateOfDays, daysOfDate, formatTimestamp } from '../plan/value/calendar.ts';
import { Decimal } from '../plan/value/decimal.ts';
import { compareText, textLength } from '../plan/value/text-order.ts';
import { formatFloat } from '../plan/value/value-text.ts';
import { Kernel } from './kernel.ts';

const kernel = Kernel.create();
const { exports } = kernel;
const out = kernel.alloc(16);

beforeEach(() => kernel.arenaReset());

/** A string reference to a text, in the arena; what stands behind the text is not zero. */
function reference(text: string): number {
  const bytes = Buffer.from(text, 'utf8');
  const start = kernel.arenaAlloc(bytes.length + 32);
  kernel.u8().fill(0x61, start, start + bytes.length + 32);
  kernel.u8().set(bytes, start);
  const at = kernel.arenaAlloc(16);
  const prefix = Buffer.concat([bytes, Buffer.alloc(4)]).readUInt32LE(0);
  kernel.u32().set([bytes.length, prefix, start, 0], at >>> 2);
  return at;
}

/** The text that a function made, after a check of its prefix. */
function made(): string {
  const text = kernel.textOfReference(out);
  const prefix = Buffer.concat([Buffer.from(text, 'utf8'), Buffer.alloc(4)]).readUInt32LE(0);
  expect(kernel.u32()[(out >>> 2) + 1]).toBe(prefix);
  return text;
}

/** Few letters, so that parts are found; long enough for every path of sixteen bytes and its rest. */
const letters = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é', '日', '\u{1f600}'), maxLength: 50 });
const part = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é', '日', '\u{1f600}'), maxLength: 4 });
const anyText = fc.string({ unit: 'binary', maxLength: 60 });
const check = <Values extends [unknown, ...unknown[]]>(
  arbitraries: { [K in keyof Values]: fc.Arbitrary<Values[K]> },
  fact: (...values: Values) => void,
): void => {
  const property = fc.property(fc.tuple(...arbitraries) as unknown as fc.Arbitrary<Values>, (values) => {
    kernel.arenaReset();
    exports.textBegin();
    fact(...values);
  });
  fc.assert(property, { numRuns: 300 });
};

describe('text functions', () => {
  it('order texts by code point', () => {
    check<[string, string, string]>([anyText, anyText, anyText], (head, a, b) => {
      const order = exports.compareText(reference(head + a), reference(head + b));
      expect(Math.sign(order)).toBe(Math.sign(compareText(head + a, head + b)));
    });
  });

  it('find parts, beginnings and ends', () => {
    check<[string, string]>([letters, part], (text, sought) => {
      const [t, s] = [reference(text), reference(sought)];
      expect(exports.contains(t, s) !== 0).toBe(text.includes(sought));
      expect(exports.startsWith(t, s) !== 0).toBe(text.startsWith(sought));
      expect(exports.endsWith(t, s) !== 0).toBe(text.endsWith(sought));
      const at = text.indexOf(sought);
      expect(exports.position(t, s)).toBe(at < 0 ? 0 : textLength(text.slice(0, at)) + 1);
    });
  });

  it('count and cut code points', () => {
    const count = fc.integer({ min: -5, max: 60 });
    check<[string, number, number]>([letters, count, count], (text, from, length) => {
      const points = Array.from(text);
      const t = reference(text);
      expect(exports.pointLength(t)).toBe(points.length);
      exports.sliceText(t, BigInt(from), BigInt(from + length), out);
      expect(made()).toBe(points.slice(Math.max(0, from), Math.max(0, from, from + length)).join(''));
      exports.leftText(t, length, out);
      expect(made()).toBe(points.slice(0, length).join(''));
      exports.rightText(t, length, out);
      const dropped = length >= 0 ? Math.max(0, points.length - length) : -length;
      expect(made()).toBe(points.slice(dropped).join(''));
    });
  });

  it('split at a delimiter, from the end too', () => {
    const field = fc.integer({ min: -6, max: 6 }).filter((value) => value !== 0);
    check<[string, string, number]>([letters, part.filter((mark) => mark !== ''), field], (text, mark, at) => {
      exports.splitPart(reference(text), reference(mark), at, out);
      const parts = text === '' ? [] : text.split(mark);
      expect(made()).toBe(parts.at(at > 0 ? at - 1 : at) ?? '');
    });
  });

  it('replace every occurrence', () => {
    check<[string, string, string]>([letters, part, part], (text, from, to) => {
      exports.replaceText(reference(text), reference(from), reference(to), out);
      expect(made()).toBe(from === '' ? text : text.replaceAll(from, () => to));
    });
  });

  it('put texts together, chain upon chain', () => {
    check<[string[]]>([fc.array(letters, { minLength: 2, maxLength: 8 })], (texts) => {
      const [first = '', ...rest] = texts;
      let so = reference(first);
      const chain = kernel.arenaAlloc(16 * rest.length);
      rest.forEach((text, i) => {
        exports.concatText(so, reference(text), chain + 16 * i);
        so = chain + 16 * i;
      });
      expect(kernel.textOfReference(so)).toBe(texts.join(''));
      // The steps before it are still what they were.
      expect(kernel.textOfReference(chain)).toBe(first + rest[0]!);
    });
  });

  it('map the case by a table, and leave what is not in it alone', () => {
    const table = kernel.alloc(4096);
    const points = new Uint16Array(kernel.memory.buffer, table, 2048);
    for (let point = 0; point < 2048; point++) {
      const lower = String.fromCharCode(point).toLowerCase();
      points[point] = lower.length === 1 && lower.charCodeAt(0) < 2048 ? lower.charCodeAt(0) : 0;
    }
    const point = fc.constantFrom('a', 'Z', '!', 'É', 'ß', 'Ж', 'Σ', 'א', '日', '한', '\u023a', '\u1e00', '\u{1f600}');
    check<[string]>([fc.string({ unit: point, maxLength: 40 })], (text) => {
      const isAscii = Buffer.byteLength(text) === text.length;
      expect(exports.isAscii(reference(text)) !== 0).toBe(isAscii);
      const isKnown = exports.lowerText(reference(text), table, out) !== 0;
      expect(isKnown).toBe(!/[\u023a\u1e00\u{1f600}]/u.test(text));
      const lower = Array.from(text, (one) => one.toLowerCase()).join('');
      if (isKnown) expect(made()).toBe(lower);
    });
    kernel.free(table);
  });
});

describe('values as text', () => {
  it('write integers and decimals with all their digits', () => {
    const value = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    check<[bigint, number]>([value, fc.integer({ min: 0, max: 18 })], (whole, scale) => {
      exports.intText(whole, out);
      expect(made()).toBe(whole.toString());
      exports.decimalText(whole, scale, out);
      expect(made()).toBe(new Decimal(whole, scale).toString());
    });
  });

  it('write doubles as the shortest digits that read back, or not at all', () => {
    const short = fc.tuple(fc.integer(), fc.integer({ min: 0, max: 9 })).map(([whole, scale]) => whole / 10 ** scale);
    check<[number]>([fc.oneof(fc.double(), short)], (value) => {
      if (exports.doubleText(value, out) !== 0) expect(made()).toBe(formatFloat(value, 'float8'));
    });
    for (const value of [0, 1, -1.5, 0.1, 12.34, 99_999.25, 123_456_789_012])
      expect(exports.doubleText(value, out)).toBe(1);
  });

  it('write timestamps as PostgreSQL does', () => {
    const micros = fc.bigInt({ min: -70_000_000_000_000_000n, max: 260_000_000_000_000_000n });
    check<[bigint, boolean]>([micros, fc.boolean()], (value, zone) => {
      if (exports.timestampText(value, zone ? 1 : 0, out) !== 0) expect(made()).toBe(formatTimestamp(value, zone));
    });
  });
});

describe('the calendar', () => {
  it('agrees with the plan on every field of every day', () => {
    check<[number]>([fc.integer({ min: -2_440_588, max: 106_751_991 })], (days) => {
      const { year, month, day } = dateOfDays(days);
      expect([exports.dateField(days, 0), exports.dateField(days, 1)]).toEqual([day, month]);
      expect(exports.dateField(days, 2)).toBe(year <= 0 ? year - 1 : year);
      expect(exports.dateField(days, 6)).toBe(days - daysOfDate(year, 1, 1) + 1);
      const iso = isoWeek(days);
      expect([exports.dateField(days, 7), exports.dateField(days, 8)]).toEqual([
        iso.week,
        iso.year <= 0 ? iso.year - 1 : iso.year,
      ]);
      expect(exports.truncateDays(days, 1)).toBe(daysOfDate(year, month, 1));
    });
  });
});

describe('arithmetic', () => {
  it('knows a product that does not fit', () => {
    const edge = fc.constantFrom(0n, 1n, -1n, 2n ** 32n, 3_037_000_500n, -(2n ** 63n), 2n ** 63n - 1n);
    const any = fc.oneof(edge, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.integer().map(BigInt));
    check<[bigint, bigint]>([any, any], (a, b) => {
      expect(exports.multiplyOverflows(a, b) !== 0).toBe(BigInt.asIntN(64, a * b) !== a * b);
    });
  });

  it('rounds quotients half away from zero', () => {
    const value = fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n });
    check<[bigint, number]>([value, fc.integer({ min: 0, max: 18 })], (dividend, scale) => {
      expect(exports.divideRounded(dividend, 10n ** BigInt(scale))).toBe(new Decimal(dividend, scale).toBigInt());
    });
  });
});

describe('parts of JSON', () => {
  const RAW = [
    '{"a":1,"a":2}',
    ' { "b" : [ 1 , { "a" : "]" } ] , "a" : -0 } ',
    '{"a":1.0}',
    '{"a":1e2}',
    '{"a":0.0000001}',
    '{"a":123456789012345678}',
    '{"\\u0061":1,"b":"\\\\\\"","a":null}',
    '{"a":"x\\/y\\t","b":"\\u00e9"}',
    '{"b":{"a":1},"ab":{},"a":[]}',
    '[]',
    '[ [1,2] , "a,b" , null ]',
    '"a"',
    'true',
    '12',
  ];
  const spaced = fc
    .tuple(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom(undefined, 1, '\t'))
    .map(([value, space]) => JSON.stringify(value, null, space));
  const document = fc.oneof(
    fc.constantFrom(...RAW),
    spaced,
    letters.map((name) => JSON.stringify({ [name]: [name] })),
  );
  const names = fc.oneof(fc.constantFrom('a', 'b', 'ab', ''), letters);

  /** What a kernel function found: a value, undefined for none; `left` when it leaves it to the interpreter. */
  const foundBy = (answer: number): unknown =>
    answer === 2 ? 'left' : answer === 0 ? undefined : (JSON.parse(made()) as unknown);

  it('finds the member that JSON.parse keeps', () => {
    check<[string, string]>([document, names], (text, name) => {
      const value = JSON.parse(text) as Record<string, unknown> | null;
      const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
      const wanted = isObject && Object.hasOwn(value, name) ? (value[name] ?? undefined) : undefined;
      const answer = foundBy(exports.jsonMember(reference(text), reference(name), out));
      if (answer !== 'left') expect(answer).toEqual(wanted);
      else expect(text).toContain('\\');
    });
  });

  it('counts elements from either end', () => {
    check<[string, number]>([document, fc.integer({ min: -4, max: 4 })], (text, index) => {
      const value = JSON.parse(text) as unknown;
      const wanted = Array.isArray(value) ? ((value as unknown[]).at(index) ?? undefined) : undefined;
      expect(foundBy(exports.jsonElement(reference(text), index, out))).toEqual(wanted);
    });
  });

  it('believes nothing beyond the end of a text that breaks off', () => {
    const whole = '{"a":[1,{"b":"c\\""}],"d":{"e":[true]}}';
    for (let length = 0; length < whole.length; length++) {
      for (const text of [whole.slice(0, length), `[${whole.slice(0, length)}`, `[1}${whole}`, `{"a"}${whole}`]) {
        expect([0, 2]).toContain(exports.jsonMember(reference(text), reference('z'), out));
        expect([0, 2]).toContain(exports.jsonElement(reference(text), 5, out));
        expect([0, 2]).toContain(exports.jsonElement(reference(text), -5, out));
      }
    }
  });

  it('writes what it knows as PostgreSQL does', () => {
    for (const [text, wanted] of [
      ['12', '12'],
      ['-1.25', '-1.25'],
      ['0', '0'],
      ['true', 'true'],
      ['"a\\tb\\"c"', 'a\tb"c'],
      ['"日本"', '日本'],
      ['""', ''],
    ] as const) {
      expect(exports.jsonText(reference(text), out)).toBe(1);
      expect(made()).toBe(wanted);
    }
    expect(exports.jsonText(reference('null'), out)).toBe(0);
    for (const text of ['1.0', '1e5', '-0', '"\\u0041"', '{}', '[1]', '1234567890123456']) {
      expect(exports.jsonText(reference(text), out)).toBe(2);
    }
  });
});
