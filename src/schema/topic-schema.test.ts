import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeadraceError } from '../base/error.ts';
import { schemaOfColumns } from './column-schema.ts';
import { checkKernelFields } from './kernel-oracle.ts';
import { compileFullValidator, compileSchema } from './topic-schema.ts';

const order = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['id', 'amount'],
  properties: {
    id: { type: 'string', format: 'uuid' },
    amount: { type: 'number', minimum: 0 },
    kind: { enum: ['a', 'b'] },
    address: { type: 'object', required: ['city'], properties: { city: { type: 'string', maxLength: 10 } } },
  },
};

describe('a schema', () => {
  it('of types, bounds, lengths, enumerations and formats runs in the kernel wholly', () => {
    const schema = compileSchema(order);
    expect(schema.fallback).toBeUndefined();
    expect(schema.kernelFields).toContainEqual({
      path: ['address', 'city'],
      types: ['string'],
      required: true,
      constraint: { maxLength: 10 },
    });
  });

  it('leaves to the fallback only what the kernel cannot check, and says so', () => {
    const schema = compileSchema({
      ...order,
      properties: { ...order.properties, sku: { type: 'string', pattern: '^x' } },
    });
    expect(schema.explain().filter((part) => part.runs === 'fallback')).toEqual([
      { pointer: '/properties/sku/pattern', keyword: 'pattern', runs: 'fallback' },
    ]);
    expect(schema.fallback?.({ sku: 'y' })).toEqual([
      { pointer: '/sku', keyword: 'pattern', message: 'must match pattern "^x"' },
    ]);
    expect(schema.fallback?.({ id: 7, sku: 'x' })).toEqual([]);
  });

  it('keeps the names of properties that additionalProperties depends on', () => {
    const { fallback } = compileSchema({ properties: { a: { type: 'string' } }, additionalProperties: false });
    expect(fallback?.({ a: 1 })).toEqual([]);
    expect(fallback?.({ b: 1 })[0]?.message).toContain('"b"');
  });

  it('follows a definition that is used as it is', () => {
    const schema = compileSchema({
      $defs: { n: { type: 'integer', minimum: 1 } },
      properties: { a: { $ref: '#/$defs/n' } },
    });
    expect(schema.fallback).toBeUndefined();
    expect(schema.kernelFields).toEqual([
      { path: ['a'], types: ['integer'], required: false, constraint: { minimum: 1 } },
    ]);
  });

  it('that refers to itself is checked by the fallback', () => {
    const schema = compileSchema({ properties: { value: { type: 'integer' }, next: { $ref: '#' } } });
    expect(schema.fallback?.({ next: { next: { value: 'x' } } })[0]?.pointer).toBe('/next/next/value');
  });
});

describe('a schema that does not compile', () => {
  it.each([
    ['a wrong type name', { properties: { a: { type: 'strin' } } }, '/properties/a/type'],
    ['a negative length', { properties: { a: { minLength: -1 } } }, '/properties/a/minLength'],
    ['a misspelt keyword', { properties: { a: { minimun: 1 } } }, '/properties/a/minimun'],
    ['a reference to nothing', { properties: { a: { $ref: '#/$defs/none' } } }, '/properties/a/$ref'],
    [
      'a pattern that is no regular expression',
      { properties: { 'a/b': { pattern: '(' } } },
      '/properties/a~1b/pattern',
    ],
    ['another draft', { $schema: 'http://json-schema.org/draft-07/schema#' }, '/$schema'],
    ['no object', [], '/'],
  ])('names the place of %s', (_case, json, pointer) => {
    let error: unknown;
    try {
      compileSchema(json, 'orders.json');
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(HeadraceError);
    expect((error as HeadraceError).code).toBe('SCHEMA_INVALID');
    expect((error as HeadraceError).message).toContain(`orders.json at "${pointer}"`);
  });

  it('suggests the keyword that was meant', () => {
    expect(() => compileSchema({ requird: ['a'] })).toThrow('did you mean "required"');
  });
});

const scalarSchema = fc.oneof(
  fc.record({ type: fc.constantFrom('string', 'integer', 'number', 'boolean', 'null', 'object', 'array') }),
  fc.record({ type: fc.constant(['string', 'null']), minLength: fc.nat(3), maxLength: fc.integer({ min: 2, max: 4 }) }),
  fc.record({ minimum: fc.integer({ min: -3, max: 3 }), exclusiveMaximum: fc.integer({ min: -1, max: 5 }) }),
  fc.record({ enum: fc.uniqueArray(fc.constantFrom('a', 'b', 'ab', 1, null), { minLength: 1 }) }),
  fc.record({ const: fc.constantFrom('a', 2, false) }),
  fc.record({ type: fc.constantFrom('string', 'number'), enum: fc.constant(['a', 'b']) }),
  fc.record({ multipleOf: fc.constant(2), type: fc.constant('integer') }),
  fc.record({ pattern: fc.constantFrom('^a', 'b$') }),
  fc.record({ format: fc.constantFrom('date', 'date-time', 'uuid', 'email', 'own') }),
  fc.record({ items: fc.record({ type: fc.constantFrom('string', 'integer') }) }),
  fc.constantFrom<unknown>({}, true, false, { $ref: '#/$defs/small' }, { $ref: '#/$defs/tree' }),
);
const names = ['a', 'b', 'c', 'd/e'] as const;
const { schema: objectSchema } = fc.letrec<{ schema: Record<string, unknown>; child: unknown }>((tie) => ({
  child: fc.oneof({ depthSize: 'small' }, scalarSchema, tie('schema')),
  schema: fc.record(
    {
      type: fc.constantFrom('object', ['object', 'null']),
      required: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 2 }),
      properties: fc.dictionary(fc.constantFrom(...names), tie('child'), { maxKeys: 4 }),
      additionalProperties: fc.constantFrom<unknown>(true, false, { type: 'integer' }),
      anyOf: fc.constant([{ required: ['a'] }, { properties: { b: { type: 'string' } } }]),
      maxProperties: fc.constant(3),
      unevaluatedProperties: fc.constantFrom<unknown>(true, false),
    },
    { requiredKeys: [] },
  ),
}));
const document = fc.letrec<{ value: unknown; object: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<unknown>(
      null,
      true,
      false,
      0,
      1,
      2,
      -3,
      1.5,
      4,
      '',
      'a',
      'ab',
      'b',
      'ba',
      '😀😀',
      [],
      [1],
      ['x'],
      '2024-02-29',
      '2023-02-29',
      '2024-01-01T00:00:00Z',
      '2024-01-01T23:59:60Z',
      '2024-01-01t00:00:00+25:00',
      'x@y.z',
      '01234567-89ab-cdef-0123-456789abcdef',
    ),
    tie('object'),
  ),
  object: fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 4 }),
}));

describe('kernel and fallback together', () => {
  it('agree with the full validator on generated schemas and documents', () => {
    const $defs = {
      small: { type: 'integer', maximum: 3 },
      tree: { type: 'object', properties: { a: { $ref: '#/$defs/tree' }, b: { type: 'integer' } } },
    };
    fc.assert(
      fc.property(
        objectSchema,
        fc.array(fc.oneof(document.object, document.value), { minLength: 5, maxLength: 20 }),
        (json, values) => {
          const whole = { ...json, $defs };
          const schema = compileSchema(whole);
          const full = compileFullValidator(whole);
          for (const value of values) {
            const split = checkKernelFields(schema.kernelFields, value).length + (schema.fallback?.(value).length ?? 0);
            expect(split === 0, JSON.stringify({ whole, value })).toBe(full(value).length === 0);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('the schema of declared columns', () => {
  const json = schemaOfColumns([
    { path: ['id'], type: { kind: 'text' }, nullable: false },
    { path: ['data', 'amount'], type: { kind: 'numeric' }, nullable: true },
    { path: ['meta', 'at'], type: { kind: 'timestamptz' }, nullable: false },
    { path: ['tags'], type: { kind: 'jsonb' }, nullable: true },
  ]);
  const valid = (value: unknown) => compileFullValidator(json)(value).length === 0;
  const row = { id: 'x', meta: { at: '2024-01-01T00:00:00Z' } };

  it('runs in the kernel wholly', () => {
    expect(compileSchema(json).fallback).toBeUndefined();
  });

  it('asks for what is NOT NULL, and lets the rest be missing or null', () => {
    expect(valid(row)).toBe(true);
    expect(valid({ ...row, data: null, tags: [1] })).toBe(true);
    expect(valid({ ...row, data: { amount: null } })).toBe(true);
    expect(valid({ ...row, data: { amount: 'x' } })).toBe(false);
    expect(valid({ ...row, id: null })).toBe(false);
    expect(valid({ id: 'x' })).toBe(false);
    expect(valid({ id: 'x', meta: { at: 'yesterday' } })).toBe(false);
  });
});
