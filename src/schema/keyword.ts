/**
 * The vocabulary of JSON Schema draft 2020-12 (Core and Validation), by what follows each keyword. This is how a walk finds subschemas.
 */
export type KeywordShape = 'schema' | 'schema-list' | 'schema-map' | 'value' | 'annotation';

const shapes: readonly (readonly [KeywordShape, readonly string[]])[] = [
  [
    'schema',
    [
      'additionalProperties',
      'propertyNames',
      'unevaluatedProperties',
      'items',
      'contains',
      'unevaluatedItems',
      'not',
      'if',
      'then',
      'else',
      'contentSchema',
    ],
  ],
  ['schema-list', ['allOf', 'anyOf', 'oneOf', 'prefixItems']],
  ['schema-map', ['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions']],
  [
    'value',
    [
      'type',
      'enum',
      'const',
      'multipleOf',
      'maximum',
      'exclusiveMaximum',
      'minimum',
      'exclusiveMinimum',
      'maxLength',
      'minLength',
      'pattern',
      'maxItems',
      'minItems',
      'uniqueItems',
      'maxContains',
      'minContains',
      'maxProperties',
      'minProperties',
      'required',
      'dependentRequired',
      'format',
      '$ref',
      '$dynamicRef',
    ],
  ],
  [
    'annotation',
    [
      '$schema',
      '$id',
      '$anchor',
      '$dynamicAnchor',
      '$vocabulary',
      '$comment',
      'title',
      'description',
      'default',
      'deprecated',
      'readOnly',
      'writeOnly',
      'examples',
      'contentEncoding',
      'contentMediaType',
    ],
  ],
];

export const KEYWORD_SHAPES: ReadonlyMap<string, KeywordShape> = new Map(
  shapes.flatMap(([shape, names]) => names.map((name): [string, KeywordShape] => [name, shape])),
);

/** A subschema: an object, or true or false. */
export type SchemaObject = Readonly<Record<string, unknown>>;

export function isSchemaObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Subschemas directly below, each with its JSON pointer. */
export function* subschemas(schema: SchemaObject, pointer: string): Generator<{ schema: unknown; pointer: string }> {
  for (const [keyword, value] of Object.entries(schema)) {
    const at = `${pointer}/${escapePointer(keyword)}`;
    const shape = KEYWORD_SHAPES.get(keyword);
    if (shape === 'schema') yield { schema: value, pointer: at };
    else if (shape === 'schema-list' && Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) yield { schema: value[i], pointer: `${at}/${i}` };
    } else if (shape === 'schema-map' && isSchemaObject(value)) {
      for (const [name, child] of Object.entries(value))
        yield { schema: child, pointer: `${at}/${escapePointer(name)}` };
    }
  }
}

/** One reference token of a JSON pointer (RFC 6901, section 3). */
export function escapePointer(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** The JSON pointer of a path. */
export function pointerOf(path: readonly string[]): string {
  return path.map((token) => `/${escapePointer(token)}`).join('');
}
