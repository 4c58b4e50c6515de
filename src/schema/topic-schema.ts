import { createRequire } from 'node:module';
import type { Ajv2020 as Ajv2020Type, ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { messageOf } from '../base/error.ts';
import { nearestName } from '../base/nearest-name.ts';
import { FORMATS } from './format.ts';
import type { KernelField } from './kernel-field.ts';
import { escapePointer, isSchemaObject, KEYWORD_SHAPES, type SchemaObject, subschemas } from './keyword.ts';
import { invalidSchema, type SchemaViolation } from './schema-error.ts';
import { type SchemaPart, splitSchema } from './schema-split.ts';

/** Nesting of subschemas. */
export const SCHEMA_DEPTH_MAX = 64;
/** Characters of a schema. */
export const SCHEMA_TEXT_MAX = 1024 * 1024;

/** A topic's schema, split by who checks what. A value is valid if neither finds a violation. */
export interface TopicSchema {
  /** The schema as JSON text. */
  readonly text: string;
  /** What the kernel checks while it scans, at full speed. */
  readonly kernelFields: readonly KernelField[];
  /** What it cannot check, over the parsed value; undefined when the kernel checks all. */
  readonly fallback: ((value: unknown) => readonly SchemaViolation[]) | undefined;
  /** Which keyword runs where. */
  explain(): readonly SchemaPart[];
}

/**
 * Compiles a JSON Schema (draft 2020-12). Formats of {@link FORMATS} are asserted; others are annotations.
 * @param source name for messages, e.g. the file
 * @throws HeadraceError `SCHEMA_INVALID` with the JSON pointer of what is wrong
 *
 * @example
 * ```ts
 * const schema = compileSchema({ type: 'object', required: ['id'], properties: { id: { type: 'string' } } });
 * schema.kernelFields.length; // 2
 * schema.fallback; // undefined
 * ```
 */
export function compileSchema(json: unknown, source = 'of the topic'): TopicSchema {
  const text = JSON.stringify(json);
  if (text === undefined || text.length > SCHEMA_TEXT_MAX) {
    throw invalidSchema(source, '', `it is not JSON of at most ${SCHEMA_TEXT_MAX} characters`);
  }
  checkVocabulary(json, source);
  const ajv = newAjv();
  checkMetaSchema(ajv, json, source);
  compileWith(ajv, json, source);
  const split = splitSchema(json as SchemaOrBoolean);
  const fallback =
    split.residual === undefined ? undefined : violationsOf(compileWith(newAjv(), split.residual, source));
  return { text, kernelFields: split.kernelFields, fallback, explain: () => split.parts };
}

/** A validator of the whole schema, for tests and for values that are in JavaScript anyway. */
export function compileFullValidator(
  json: unknown,
  source = 'of the topic',
): (value: unknown) => readonly SchemaViolation[] {
  return violationsOf(compileWith(newAjv(), json, source));
}

type SchemaOrBoolean = boolean | Readonly<Record<string, unknown>>;

let ajvModule: { readonly Ajv2020: typeof Ajv2020Type } | undefined;

/** Loaded when the first schema is compiled: it is a tenth of the start-up time, and not every project has schemas. */
function newAjv(): Ajv2020Type {
  ajvModule ??= createRequire(import.meta.url)('ajv/dist/2020.js') as { Ajv2020: typeof Ajv2020Type };
  return new ajvModule.Ajv2020({
    strict: false,
    strictNumbers: true,
    validateFormats: true,
    allErrors: false,
    logger: false,
    formats: { ...FORMATS },
    unicodeRegExp: true,
  });
}

/** A keyword that looks like a misspelt one is refused; one that looks like nothing is an annotation of the user's own. */
function checkVocabulary(root: unknown, source: string): void {
  const visit = (schema: unknown, pointer: string, depth: number): void => {
    if (!isSchemaObject(schema)) return;
    if (depth > SCHEMA_DEPTH_MAX)
      throw invalidSchema(source, pointer, `it nests deeper than ${SCHEMA_DEPTH_MAX} levels`);
    for (const keyword of Object.keys(schema)) {
      if (KEYWORD_SHAPES.has(keyword) || keyword.startsWith('x-')) continue;
      const near = nearestName(keyword, KEYWORD_SHAPES.keys());
      if (near === undefined) continue;
      const at = `${pointer}/${escapePointer(keyword)}`;
      throw invalidSchema(
        source,
        at,
        `unknown keyword "${keyword}" (did you mean "${near}"? Prefix your own with "x-")`,
      );
    }
    checkPatterns(schema, pointer, source);
    for (const below of subschemas(schema, pointer)) visit(below.schema, below.pointer, depth + 1);
  };
  visit(root, '', 0);
}

/** Regular expressions are ECMA-262 with Unicode semantics (Core, section 6.4). */
function checkPatterns(schema: SchemaObject, pointer: string, source: string): void {
  const check = (pattern: string, at: string) => {
    if (!FORMATS.regex!(pattern)) throw invalidSchema(source, at, `"${pattern}" is not a regular expression`);
  };
  if (typeof schema.pattern === 'string') check(schema.pattern, `${pointer}/pattern`);
  if (!isSchemaObject(schema.patternProperties)) return;
  for (const pattern of Object.keys(schema.patternProperties)) {
    check(pattern, `${pointer}/patternProperties/${escapePointer(pattern)}`);
  }
}

function checkMetaSchema(ajv: Ajv2020Type, json: unknown, source: string): void {
  if (typeof json !== 'boolean' && !isSchemaObject(json)) throw invalidSchema(source, '', 'it is not an object');
  const version = isSchemaObject(json) ? json.$schema : undefined;
  if (version !== undefined && version !== 'https://json-schema.org/draft/2020-12/schema') {
    throw invalidSchema(source, '/$schema', `"${String(version)}" is not draft 2020-12`);
  }
  if (ajv.validateSchema(json) === true) return;
  const error = deepest(ajv.errors ?? []);
  throw invalidSchema(source, error?.instancePath ?? '', describe(error));
}

/** The error that is furthest in is the nearest to the mistake. */
function deepest(errors: readonly ErrorObject[]): ErrorObject | undefined {
  return [...errors].sort((a, b) => b.instancePath.length - a.instancePath.length)[0];
}

function compileWith(ajv: Ajv2020Type, json: unknown, source: string): ValidateFunction {
  try {
    return ajv.compile(json as object);
  } catch (cause) {
    const message = messageOf(cause);
    const reference = /reference (\S+)/.exec(message)?.[1];
    throw invalidSchema(source, reference === undefined ? '' : pointerOfReference(json, reference), message, cause);
  }
}

function pointerOfReference(root: unknown, reference: string): string {
  const find = (schema: unknown, pointer: string): string | undefined => {
    if (!isSchemaObject(schema)) return undefined;
    for (const keyword of ['$ref', '$dynamicRef']) {
      const target = schema[keyword];
      if (typeof target === 'string' && (target === reference || reference.endsWith(target)))
        return `${pointer}/${keyword}`;
    }
    for (const below of subschemas(schema, pointer)) {
      const found = find(below.schema, below.pointer);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return find(root, '') ?? '';
}

function violationsOf(validate: ValidateFunction): (value: unknown) => readonly SchemaViolation[] {
  return (value) => {
    if (validate(value) === true) return [];
    return (validate.errors ?? []).map((error) => ({
      pointer: error.instancePath,
      keyword: error.keyword,
      message: describe(error),
    }));
  };
}

function describe(error: ErrorObject | undefined): string {
  const message = error?.message ?? 'does not match';
  if (error?.keyword === 'additionalProperties') {
    return `${message}: "${String((error.params as { additionalProperty?: unknown }).additionalProperty)}"`;
  }
  return message;
}
