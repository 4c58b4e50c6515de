import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DecodedBatch, JsonDecoderOptions, JsonInputFormat } from './json-decoder.ts';
import { createJsonDecoder } from './json-decoder.ts';
import { type JsonField, physicalOfField } from './json-shape.ts';
import { Kernel } from './kernel.ts';

const kernel = Kernel.create();

type Value = string | number | bigint | null;

function rowsOf(batch: DecodedBatch): Value[][] {
  return Array.from({ length: batch.rows }, (_, row) =>
    batch.columns.map(({ physical, data, nulls }) => {
      if (kernel.u8()[nulls + row] === 1) return null;
      if (physical === 'str') return kernel.textOfReference(data + row * 16);
      if (physical === 'i32') return kernel.i32()[data / 4 + row]!;
      return physical === 'i64' ? kernel.i64()[data / 8 + row]! : kernel.f64()[data / 8 + row]!;
    }),
  );
}

function decode(
  fields: readonly JsonField[],
  text: string | Uint8Array,
  format: JsonInputFormat = 'lines',
  options: JsonDecoderOptions = {},
) {
  kernel.arenaReset();
  const decoder = createJsonDecoder(kernel, fields, options);
  const batch = decoder.decodeBytes(format, typeof text === 'string' ? Buffer.from(text) : text);
  return { rows: rowsOf(batch), errors: decoder.errors(batch), batch, decoder };
}

/** The column of one field `v` over these values' texts. */
function column(field: Omit<JsonField, 'path'>, values: readonly string[]) {
  const { rows, errors } = decode([{ path: ['v'], ...field }], values.map((v) => `{"v":${v}}\n`).join(''));
  return rows.map((row, i) => errors.find((e) => e.row === i)?.reason ?? row[0]);
}

const amount: JsonField = { path: ['data', 'amount'], kind: 'float8' };
const name: JsonField = { path: ['name'], kind: 'text' };

describe('rows and their fields', () => {
  it('finds nested fields in any order, among fields nobody wants', () => {
    const { rows } = decode(
      [name, amount],
      '{"x":[1,{"name":"no"}],"data":{"z":null,"amount":1.5},"name":"a"}\n{"name":"b","data":{"amount":2}}\n',
    );
    expect(rows).toEqual([
      ['a', 1.5],
      ['b', 2],
    ]);
  });

  it('makes null of what is missing, null, or below something that is no object', () => {
    const { rows, errors } = decode(
      [name, amount],
      '{}\n{"name":null,"data":null}\n{"data":[{"amount":1}]}\n{"data":7}',
    );
    expect(rows).toEqual([
      [null, null],
      [null, null],
      [null, null],
      [null, null],
    ]);
    expect(errors).toEqual([]);
  });

  it('takes white space wherever JSON allows it', () => {
    expect(decode([name, amount], ' { "name" :\t"a" , "data" : { "amount" : 3 } } \r\n').rows).toEqual([['a', 3]]);
  });

  it('reads escapes in values and keys, and gives a lone surrogate as U+FFFD', () => {
    const { rows } = decode(
      [name],
      '{"n\\u0061me":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"}\n{"name":"\\ud800x"}\n{"name":"\\udc00\\ud83d\\ude00"}',
    );
    expect(rows).toEqual([['"\\/\b\f\n\r\té😀'], ['�x'], ['�😀']]);
  });

  it('lets the last value of a key count, and what an earlier one left behind go', () => {
    const { rows, errors } = decode(
      [name, amount],
      '{"name":1,"name":"a"}\n{"data":{"amount":"x"},"data":{}}\n{"data":{"amount":1},"data":{"amount":2}}',
    );
    expect(rows).toEqual([
      ['a', null],
      [null, null],
      [null, 2],
    ]);
    expect(errors).toEqual([]);
  });

  it('refuses a key that comes twice when told to', () => {
    const { errors } = decode([name, amount], '{"name":"a","name":"a"}\n{"x":1,"x":1}', 'lines', {
      refuseDuplicateKeys: true,
    });
    expect(errors).toMatchObject([{ row: 0, reason: 'duplicate_key', path: ['name'] }]);
  });

  it('tells keys apart that begin alike, short and long', () => {
    const long = 'k'.repeat(80);
    const fields = [long, `${long}x`, 'k', 'kk', 'k'.repeat(13), 'k'.repeat(14), 'k'.repeat(29), 'k'.repeat(30), ''];
    const text = JSON.stringify(Object.fromEntries(fields.map((f, i) => [f, i])));
    const wanted = fields.map((f): JsonField => ({ path: [f], kind: 'int4' }));
    expect(decode(wanted, `${text}\n${text}\n{}\n${text}`).rows).toEqual(
      [0, 1, 2, 3].map((r) => fields.map((_, i) => (r === 2 ? null : i))),
    );
  });

  it('goes on with objects that have ever new keys', () => {
    const text = Array.from({ length: 500 }, (_, i) => `{"u${i}":{"a":[]},"name":"n${i}","v${i}":1}\n`).join('');
    expect(decode([name], text).rows.map((r) => r[0])).toEqual(Array.from({ length: 500 }, (_, i) => `n${i}`));
  });

  it('gives the text of jsonb fields, whole rows too, beside fields within them', () => {
    const fields: JsonField[] = [{ path: [], kind: 'jsonb' }, { path: ['data'], kind: 'jsonb' }, amount];
    expect(decode(fields, '{"data":{ "amount":1 },"b":[1, 2]}').rows).toEqual([
      ['{"data":{ "amount":1 },"b":[1, 2]}', '{ "amount":1 }', 1],
    ]);
  });
});

describe('bad rows', () => {
  it('harm no neighbour: the next line is read, and their bytes are exact', () => {
    const bad = [
      '{"name":"a',
      '{"name":"b"}}',
      '{"name":tru}',
      'x',
      '{"name":"\u0001"}',
      '{"a":[1,]}',
      '[1',
      '{"name":"\\x"}',
      '{,}',
    ];
    const text = bad.map((line) => `{"name":"ok"}\n${line}\r\n`).join('');
    const { rows, batch, decoder } = decode([name], text);
    expect(rows.map((r) => r[0])).toEqual(bad.flatMap(() => ['ok', null]));
    expect(batch.refused).toBe(bad.length);
    expect(bad.map((_, i) => Buffer.from(decoder.valueOf(batch, 2 * i + 1)).toString())).toEqual(bad);
    expect(Array.from(kernel.u32().subarray(batch.selection / 4, batch.selection / 4 + batch.selected))).toEqual(
      bad.map((_, i) => 2 * i),
    );
  });

  it('say the byte and the path', () => {
    const { errors } = decode([name, amount], '  {"name":"a","data":{"amount":"1"}}\n{"name":"é\n');
    expect(errors).toEqual([
      { row: 0, reason: 'type', position: 29, path: ['data', 'amount'] },
      { row: 1, reason: 'malformed', position: 11, path: undefined },
    ]);
  });

  it('are refused for bytes that are no UTF-8, wanted or not', () => {
    const { errors } = decode(
      [name],
      Buffer.concat([
        Buffer.from('{"name":"'),
        Buffer.from([0xc0, 0x80]),
        Buffer.from('"}\n{"x":"'),
        Buffer.from([0xff]),
        Buffer.from('"}'),
      ]),
    );
    expect(errors.map((e) => e.reason)).toEqual(['utf8', 'utf8']);
  });

  it('are refused beyond the depth limit, without end of stack', () => {
    const nested = (n: number) => `${'{"name":'.repeat(n)}1${'}'.repeat(n)}`;
    expect(
      decode([{ path: ['name'], kind: 'jsonb' }], `${nested(8)}\n${nested(9)}`, 'lines', { depthMax: 8 }).errors.map(
        (e) => [e.row, e.reason],
      ),
    ).toEqual([[1, 'depth']]);
    expect(decode([name], '['.repeat(100_000)).errors[0]!.reason).toBe('depth');
  });

  it('are refused when they are no object, unless told otherwise', () => {
    expect(decode([name], '1\n"a"\nnull\n[]').errors.map((e) => e.reason)).toEqual(['type', 'type', 'type', 'type']);
    expect(decode([name], '1\n[]', 'lines', { rootTypes: ['number', 'array'] }).errors).toEqual([]);
  });
});

describe('types', () => {
  it('integers are exact to 64 bits, and integral numbers of any form', () => {
    expect(
      column({ kind: 'int8' }, [
        '9223372036854775807',
        '-9223372036854775808',
        '9223372036854775808',
        '1.0',
        '1e3',
        '120e-1',
        '1.5',
        '1e19',
        '0e99',
        '-0',
        '10000000000000000000000e-21',
        '"1"',
        'true',
      ]),
    ).toEqual([
      9223372036854775807n,
      -9223372036854775808n,
      'range',
      1n,
      1000n,
      12n,
      'type',
      'range',
      0n,
      0n,
      10n,
      'type',
      'type',
    ]);
    expect(column({ kind: 'int4' }, ['2147483647', '2147483648', '-2147483648'])).toEqual([
      2147483647,
      'range',
      -2147483648,
    ]);
    expect(column({ kind: 'int2' }, ['32767', '32768', '-32769'])).toEqual([32767, 'range', 'range']);
  });

  it('numeric is scaled, rounded half away from zero, and bounded by its precision', () => {
    expect(
      column({ kind: 'numeric', precision: 6, scale: 2 }, [
        '12.34',
        '12.345',
        '-12.345',
        '12.344999',
        '1e3',
        '9999.994',
        '9999.995',
        '0.001',
        '1e-300',
      ]),
    ).toEqual([1234n, 1235n, -1235n, 1234n, 100000n, 999999n, 'range', 0n, 0n]);
  });

  it('numeric without precision keeps every digit', () => {
    expect(
      column({ kind: 'numeric' }, [
        '12.340',
        '-0.0',
        '1e3',
        '1.5e1',
        '1.25e-3',
        '-12e-2',
        '123456789012345678901234567890.5',
        '0e5',
        '1.50e1',
        '10.5e-1',
        '100e-1',
        '1e1001',
        '0.05e2',
        '0.005e1',
      ]),
    ).toEqual([
      '12.340',
      '0.0',
      '1000',
      '15',
      '0.00125',
      '-0.12',
      '123456789012345678901234567890.5',
      '0',
      '15.0',
      '1.05',
      '10.0',
      'range',
      '5',
      '0.05',
    ]);
  });

  it('floats may be what JSON has no number for, as text; -0 keeps its sign', () => {
    const texts = ['"NaN"', '"Infinity"', '"-Infinity"', '-0', '"nan"', '"1.5"', '"Infinit_"', '""'];
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 'type', 'type', 'type', 'type'];
    expect(column({ kind: 'float8' }, texts)).toEqual(values);
    expect(column({ kind: 'float4' }, texts)).toEqual(values);
    expect(column({ kind: 'float8', types: ['number'] }, ['"NaN"'])).toEqual(['type']);
  });

  it('floats are the nearest, and refused beyond their range', () => {
    const texts = [
      '0.1',
      '-0',
      '1e22',
      '1e23',
      '123456789012345678',
      '0.30000000000000004',
      '5e-324',
      '2.2250738585072011e-308',
      '1e400',
      '1e-400',
    ];
    expect(column({ kind: 'float8' }, texts)).toEqual(texts.map((t) => (t === '1e400' ? 'range' : Number(t))));
    expect(column({ kind: 'float4' }, ['0.1', '1e39'])).toEqual([Math.fround(0.1), 'range']);
  });

  it('timestamptz applies the offset, timestamp does not; both take milliseconds', () => {
    const us = (iso: string) => BigInt(Date.parse(iso)) * 1000n;
    const texts = [
      '"2024-02-29T12:34:56.789Z"',
      '"2024-02-29t12:34:56z"',
      '"2024-02-29 12:34:56+02"',
      '"2024-02-29T12:34:56.1234567-05:30"',
      '"2024-02-29T12:34"',
      '"2024-02-29"',
      '1700000000000',
      '"1969-12-31T23:59:59.999999Z"',
      '"2016-12-31T23:59:60Z"',
    ];
    const at = us('2024-02-29T12:34:56Z');
    expect(column({ kind: 'timestamptz' }, texts)).toEqual([
      at + 789000n,
      at,
      at - 7_200_000_000n,
      at + 123457n + 19_800_000_000n,
      us('2024-02-29T12:34:00Z'),
      us('2024-02-29T00:00:00Z'),
      1_700_000_000_000_000n,
      -1n,
      us('2017-01-01T00:00:00Z'),
    ]);
    expect(column({ kind: 'timestamp' }, ['"2024-02-29T12:34:56+02:00"'])).toEqual([at]);
  });

  it('times that do not exist are refused', () => {
    const bad = [
      '2023-02-29T00:00:00Z',
      '2024-13-01T00:00:00Z',
      '2024-00-01T00:00:00Z',
      '2024-04-31T00:00:00Z',
      '2024-01-01T24:00:00Z',
      '2024-01-01T00:60:00Z',
      '2024-01-01T00:00:61Z',
      '2024-01-01T00:00:00.Z',
      '2024-01-01T00:00:00+24:00',
      '2024-01-01T00:00:00ZZ',
      '2024/01/01T00:00:00Z',
      'yesterday',
      '',
    ];
    expect(
      column(
        { kind: 'timestamptz' },
        bad.map((t) => JSON.stringify(t)),
      ),
    ).toEqual(bad.map(() => 'format'));
    expect(column({ kind: 'date' }, ['"1970-01-02"', '"2024-02-30"', '"2024-1-1"'])).toEqual([1, 'format', 'format']);
    expect(column({ kind: 'time' }, ['"01:02:03.5"', '"24:00"'])).toEqual([3_723_500_000n, 'format']);
  });

  it('agrees with Date on every instant and offset of the years 1 to 9999', () => {
    const instant = fc.date({
      min: new Date('0001-01-02T00:00:00Z'),
      max: new Date('9999-12-30T00:00:00Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(instant, fc.integer({ min: -839, max: 839 })), { minLength: 1 }), (times) => {
        const two = (n: number) => String(n).padStart(2, '0');
        const offset = (m: number) =>
          `${m < 0 ? '-' : '+'}${two(Math.floor(Math.abs(m) / 60))}:${two(Math.abs(m) % 60)}`;
        const texts = times.flatMap(([time, minutes]) => [
          JSON.stringify(time.toISOString()),
          JSON.stringify(new Date(time.getTime() + minutes * 60_000).toISOString().replace('Z', offset(minutes))),
        ]);
        const wanted = times.flatMap(([time]) => [BigInt(time.getTime()) * 1000n, BigInt(time.getTime()) * 1000n]);
        expect(column({ kind: 'timestamptz' }, texts)).toEqual(wanted);
      }),
    );
  });

  it('reads the form of toISOString as it reads the other ones, whatever day the row before was of', () => {
    const two = fc.integer({ min: 0, max: 61 }).map((n) => String(n).padStart(2, '0'));
    const day = fc.constantFrom('2024-02-29', '2024-02-30', '2023-02-29', '1969-12-31', '2024-00-10', '1970-01-01');
    const time = fc.tuple(day, two, two, two).map(([d, h, m, s]) => `${d}T${h}:${m}:${s}.${h}7`);
    fc.assert(
      fc.property(fc.array(time, { minLength: 1, maxLength: 20 }), (times) => {
        const texts = (end: string) => times.map((t) => JSON.stringify(t + end));
        const expected = column({ kind: 'timestamptz' }, texts('+00:00'));
        expect(column({ kind: 'timestamptz' }, texts('Z'))).toEqual(expected);
        const format = { format: 'date-time' } as const;
        expect(column({ kind: 'check', constraints: format }, texts('Z')).map((v) => v === 'format')).toEqual(
          expected.map((v) => v === 'format'),
        );
      }),
    );
  });

  it('uuid is canonical', () => {
    expect(
      column({ kind: 'uuid' }, [
        '"0b0bdf4c-3f8a-4c1e-9d0c-1234567890ab"',
        '"0B0BDF4C-3F8A-4C1E-9D0C-1234567890AB"',
        '"0b0bdf4c3f8a4c1e9d0c1234567890ab"',
        '"0b0bdf4c-3f8a-4c1e-9d0c-1234567890ag"',
      ]),
    ).toEqual(['0b0bdf4c-3f8a-4c1e-9d0c-1234567890ab', '0b0bdf4c-3f8a-4c1e-9d0c-1234567890ab', 'format', 'format']);
  });

  it('text takes strings only, boolean true and false only', () => {
    expect(column({ kind: 'text' }, ['"a"', '1', 'true', '{}', '[]', '""'])).toEqual([
      'a',
      'type',
      'type',
      'type',
      'type',
      '',
    ]);
    expect(column({ kind: 'boolean' }, ['true', 'false', 'null', '0', '"true"'])).toEqual([1, 0, null, 'type', 'type']);
  });
});

describe('constraints', () => {
  it('required means present in its object, not null means there is a value', () => {
    const inner: JsonField = { path: ['data', 'amount'], kind: 'float8', required: true };
    expect(decode([inner], '{}\n{"data":{}}\n{"data":{"amount":null}}').errors.map((e) => [e.row, e.reason])).toEqual([
      [1, 'missing'],
    ]);
    expect(
      decode([{ ...amount, nullable: false }], '{}\n{"data":{}}\n{"data":{"amount":null}}').errors.map((e) => e.reason),
    ).toEqual(['missing', 'missing', 'null']);
  });

  it('numbers have bounds', () => {
    expect(
      column({ kind: 'float8', constraints: { minimum: 0, exclusiveMaximum: 10 } }, ['0', '-0.1', '9.99', '10']),
    ).toEqual([0, 'minimum', 9.99, 'maximum']);
    expect(column({ kind: 'int4', constraints: { exclusiveMinimum: 0, maximum: 5 } }, ['0', '5', '6'])).toEqual([
      'minimum',
      5,
      'maximum',
    ]);
  });

  it('strings have lengths in code points, and lists', () => {
    expect(
      column({ kind: 'text', constraints: { minLength: 2, maxLength: 3 } }, ['"é"', '"é😀"', '"\\u00e9bc"', '"abcd"']),
    ).toEqual(['min_length', 'é😀', 'ébc', 'max_length']);
    expect(
      column({ kind: 'text', constraints: { enum: ['web', 'mobile', ''] } }, [
        '"web"',
        '"mobile"',
        '""',
        '"we"',
        '"webx"',
      ]),
    ).toEqual(['web', 'mobile', '', 'enum', 'enum']);
  });

  it('formats are checked without being converted', () => {
    expect(
      column({ kind: 'text', constraints: { format: 'date-time' } }, [
        '"2024-01-01T00:00:00Z"',
        '"2024-01-01T00:00:00"',
        '"2024-01-01"',
      ]),
    ).toEqual(['2024-01-01T00:00:00Z', 'format', 'format']);
  });

  it('values that fill no column are checked too', () => {
    const fields: JsonField[] = [{ path: ['v'], kind: 'check', types: ['string', 'null'] }];
    expect(decode(fields, '{"v":"a"}\n{"v":null}\n{"v":1}\n{}').errors.map((e) => [e.row, e.reason])).toEqual([
      [2, 'type'],
    ]);
  });

  it('values that fill no column are refused for the reasons for which a column refuses them', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom('web', '2024-02-30T00:00:00.000Z', '2024-02-29T00:00:00.000Z', '2024-02-29t00:00:00.000z'),
    );
    const escaped = (t: string) =>
      JSON.stringify(t).replace(/[^\0-~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
    const value = fc.oneof(
      text.map((t) => JSON.stringify(t)),
      text.map(escaped),
      fc.constantFrom(
        '1',
        '-0.5e3',
        '12345678.12345678',
        'null',
        'true',
        '{"a":"b"}',
        '[1,"x"]',
        '"\u0001"',
        '01',
        '1.',
      ),
    );
    const constraints = fc.constantFrom<JsonField['constraints'][]>(
      undefined,
      { minLength: 3, maxLength: 20 },
      { format: 'date-time' },
      { format: 'date-time', maxLength: 23 },
      { enum: ['web', ''] },
    );
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 8 }), constraints, (values, limits) => {
        const lines = values.map((v) => `{"v":${v}}\n`).join('');
        const refusals = (kind: 'check' | 'text') => {
          const field: JsonField = { path: ['v'], kind, types: ['string', 'null'] };
          const { errors } = decode([limits === undefined ? field : { ...field, constraints: limits }], lines);
          return errors.map(({ row, reason, position, path }) => ({ row, reason, position, path }));
        };
        expect(refusals('check')).toEqual(refusals('text'));
      }),
    );
  });

  it('numbers are the doubles of JavaScript, however their digits are spread', () => {
    const digits = (max: number) => fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: max }).map((d) => d.join(''));
    const number = fc
      .tuple(
        fc.constantFrom('', '-'),
        fc.oneof(
          fc.constant('0'),
          digits(12).map((d) => `1${d}`),
        ),
        digits(12),
        fc.constantFrom('', 'e2', 'E-3'),
      )
      .map(([sign, whole, places, power]) => `${sign}${whole}${places === '' ? '' : `.${places}`}${power}`);
    fc.assert(
      fc.property(fc.array(number, { minLength: 1 }), (numbers) => {
        expect(column({ kind: 'float8' }, numbers)).toEqual(numbers.map(Number));
      }),
    );
    expect(column({ kind: 'float8' }, ['00', '01.5', '1.', '-', '1.5.5', '12345678', '123456789.1234567'])).toEqual([
      'malformed',
      'malformed',
      'malformed',
      'malformed',
      'malformed',
      12345678,
      123456789.1234567,
    ]);
  });
});

describe('inputs', () => {
  it('a JSON array has a row per element, and ends at broken syntax', () => {
    expect(decode([name], '[ {"name":"a"} ,\n {"name":1}, {"name":"c"} ]\n', 'array').rows).toEqual([
      ['a'],
      [null],
      ['c'],
    ]);
    expect(decode([name], '[]', 'array').batch).toMatchObject({ rows: 0, inputError: undefined, consumed: 2 });
    for (const text of ['[{},]', '[{} {}]', '[{}', '{}', '[{}] x', '[{"name":}]', '']) {
      expect(decode([name], text, 'array').batch.inputError?.reason, text).toBe('malformed');
    }
  });

  it('one text is one row', () => {
    expect(decode([name], '\n{"name":\n"a"}\n', 'one').rows).toEqual([['a']]);
    expect(decode([name], '{"name":"a"}{}', 'one').errors[0]!.reason).toBe('malformed');
  });

  it.each(['lines', 'array'] as const)('are read on where the row limit stopped (%s)', (format) => {
    kernel.arenaReset();
    const texts = Array.from({ length: 25 }, (_, i) => `{"name":"n${i}"}`);
    const bytes = Buffer.from(format === 'lines' ? texts.join('\n') : `[${texts.join(',')}]`);
    const decoder = createJsonDecoder(kernel, [name], { rowsMax: 10 });
    decoder.begin();
    const pointer = kernel.arenaCopy(bytes);
    const rows: Value[][] = [];
    let calls = 0;
    for (let from = 0; from < bytes.length; calls++) {
      const batch = decoder.decode(format, pointer, bytes.length, from);
      rows.push(...rowsOf(batch));
      from = batch.consumed;
    }
    expect(rows.map((r) => r[0])).toEqual(texts.map((_, i) => `n${i}`));
    expect(calls).toBe(3);
  });

  it('lines are numbered, blank ones too', () => {
    const { batch } = decode([name], '\n{}\n  \n\n{}\n');
    expect(Array.from(kernel.u32().subarray(batch.facts.line / 4, batch.facts.line / 4 + 2))).toEqual([2, 5]);
  });

  it('cannot have two fields of one path', () => {
    expect(() => createJsonDecoder(kernel, [name, name])).toThrow(/two fields/);
    expect(physicalOfField(name)).toBe('str');
  });
});
