import { FORMATS } from './format.ts';
import {
  JSON_TYPES,
  type JsonType,
  type KernelConstraint,
  type KernelField,
  type KernelFormat,
} from './kernel-field.ts';
import { escapePointer, isSchemaObject, KEYWORD_SHAPES, pointerOf, type SchemaObject, subschemas } from './keyword.ts';

/** One keyword of the schema and who checks it. */
export interface SchemaPart {
  /** JSON pointer into the schema. */
  readonly pointer: string;
  readonly keyword: string;
  readonly runs: 'kernel' | 'fallback' | 'annotation';
}

export interface SchemaSplit {
  readonly kernelFields: readonly KernelField[];
  /** The schema without what the kernel checks; undefined when nothing is left. */
  readonly residual: unknown;
  readonly parts: readonly SchemaPart[];
}

const KERNEL_FORMATS: ReadonlySet<string> = new Set<KernelFormat>(['date-time', 'date', 'uuid']);
const LIMITS = ['minimum', 'exclusiveMinimum', 'maximum', 'exclusiveMaximum', 'minLength', 'maxLength'] as const;
/** Keywords whose meaning depends on the `properties` beside them: the residual must then name them all. */
const READS_PROPERTIES = ['additionalProperties', 'unevaluatedProperties'] as const;
/** References by other means than `#/$defs/...` could point into parts that the residual lacks. */
const FOREIGN_REFERENCES = ['$dynamicRef', '$dynamicAnchor', '$anchor'] as const;
/** Levels of properties that the kernel follows. */
const KERNEL_DEPTH_MAX = 16;

/**
 * Splits a valid schema: the kernel gets types, required, numeric bounds, lengths, enumerated strings and three formats
 * along plain `properties`; all else stays in a residual schema of the same form. Both together mean what the whole means.
 */
export function splitSchema(root: boolean | SchemaObject): SchemaSplit {
  if (root === true) return { kernelFields: [], residual: undefined, parts: [] };
  if (root === false) {
    return { kernelFields: [], residual: false, parts: [{ pointer: '', keyword: 'false', runs: 'fallback' }] };
  }
  return new Splitter(root).split();
}

class Splitter {
  readonly #root: SchemaObject;
  readonly #fields = new Map<string, KernelField>();
  readonly #parts: SchemaPart[] = [];
  readonly #inlining: string[] = [];

  constructor(root: SchemaObject) {
    this.#root = root;
  }

  split(): SchemaSplit {
    const residual = this.#visit(this.#root, '', [], false, 0);
    const kernelFields = [...this.#fields.values()];
    if (residual === undefined) return { kernelFields, residual, parts: this.#parts };
    if (refersElsewhere(this.#root)) return { kernelFields, residual: this.#root, parts: this.#parts };
    const { $defs } = this.#root;
    const definitions = $defs === undefined ? {} : { $defs };
    return { kernelFields, residual: { ...definitions, ...residual }, parts: this.#parts };
  }

  /** Registers what the kernel can check at `path`; returns what it cannot. */
  #visit(
    given: unknown,
    pointer: string,
    path: readonly string[],
    required: boolean,
    depth: number,
  ): SchemaObject | undefined {
    const reference = this.#inlinable(given);
    if (reference !== undefined) {
      this.#inlining.push(reference.name);
      const residual = this.#visit(reference.schema, `/$defs/${escapePointer(reference.name)}`, path, required, depth);
      this.#inlining.pop();
      return residual;
    }
    if (given === true || !isSchemaObject(given)) {
      if (required) this.#fields.set(pointerOf(path), { path, types: JSON_TYPES, required, constraint: {} });
      if (given === true) return undefined;
      this.#part(pointer, 'false', 'fallback');
      return { not: {} };
    }
    const { types, constraint, left } = this.#takeScalars(given, pointer);
    if (required || types.length < JSON_TYPES.length || Object.keys(constraint).length > 0) {
      this.#fields.set(pointerOf(path), { path, types, required, constraint });
    }
    this.#takeProperties(given, pointer, path, left, depth);
    for (const keyword of Object.keys(left)) {
      if (keyword !== 'properties') this.#part(pointer, keyword, 'fallback');
    }
    return Object.keys(left).length === 0 ? undefined : left;
  }

  /** Types, limits, enumerated strings and formats of one value. */
  #takeScalars(
    schema: SchemaObject,
    pointer: string,
  ): { types: readonly JsonType[]; constraint: KernelConstraint; left: Record<string, unknown> } {
    const left: Record<string, unknown> = {};
    const constraint: { -readonly [K in keyof KernelConstraint]: KernelConstraint[K] } = {};
    let types: readonly JsonType[] = JSON_TYPES;
    for (const [keyword, value] of Object.entries(schema)) {
      const limit = LIMITS.find((name) => name === keyword);
      if (keyword === 'type') types = meet(types, (Array.isArray(value) ? value : [value]) as JsonType[]);
      else if (limit !== undefined && isKernelLimit(limit, value)) constraint[limit] = value as number;
      else if (keyword === 'format' && KERNEL_FORMATS.has(value as string)) constraint.format = value as KernelFormat;
      else if (keyword === 'enum' && isStringList(value)) {
        constraint.strings = commonStrings(constraint.strings, value);
        types = meet(types, ['string']);
      } else if (keyword === 'const' && typeof value === 'string') {
        constraint.strings = commonStrings(constraint.strings, [value]);
        types = meet(types, ['string']);
      } else {
        if (this.#stays(keyword, value)) left[keyword] = value;
        continue;
      }
      this.#part(pointer, keyword, 'kernel');
    }
    return { types, constraint, left };
  }

  /** Whether a keyword that is no scalar check has to be checked by the fallback. */
  #stays(keyword: string, value: unknown): boolean {
    if (keyword === 'properties' || keyword === 'required' || keyword === '$defs' || keyword === 'definitions')
      return false;
    if (keyword === 'format') return Object.hasOwn(FORMATS, value as string);
    const shape = KEYWORD_SHAPES.get(keyword);
    return shape !== undefined && shape !== 'annotation' && keyword !== 'contentSchema';
  }

  #takeProperties(
    schema: SchemaObject,
    pointer: string,
    path: readonly string[],
    left: Record<string, unknown>,
    depth: number,
  ): void {
    const properties = isSchemaObject(schema.properties) ? schema.properties : {};
    const required = new Set((schema.required as readonly string[] | undefined) ?? []);
    if (depth >= KERNEL_DEPTH_MAX) {
      if (schema.properties !== undefined) left.properties = schema.properties;
      if (schema.required !== undefined) left.required = schema.required;
      return;
    }
    if (required.size > 0) this.#part(pointer, 'required', 'kernel');
    const keepAll = READS_PROPERTIES.some((keyword) => schema[keyword] !== undefined);
    const residual: [string, unknown][] = [];
    for (const [name, child] of Object.entries(properties)) {
      const at = `${pointer}/properties/${escapePointer(name)}`;
      const childResidual = this.#visit(child, at, [...path, name], required.delete(name), depth + 1);
      if (childResidual !== undefined) residual.push([name, childResidual]);
      else if (keepAll) residual.push([name, true]);
    }
    for (const name of required) {
      const at = [...path, name];
      this.#fields.set(pointerOf(at), { path: at, types: JSON_TYPES, required: true, constraint: {} });
    }
    if (residual.length > 0) left.properties = Object.fromEntries(residual);
  }

  /** A subschema that is nothing but a reference to a definition, unless the definition refers back to itself. */
  #inlinable(schema: unknown): { name: string; schema: unknown } | undefined {
    if (!isSchemaObject(schema) || typeof schema.$ref !== 'string') return undefined;
    const name = /^#\/\$defs\/([^/~%]+)$/.exec(schema.$ref)?.[1];
    const definitions = this.#root.$defs;
    if (name === undefined || !isSchemaObject(definitions) || !Object.hasOwn(definitions, name)) return undefined;
    const alone = Object.keys(schema).every((k) => k === '$ref' || KEYWORD_SHAPES.get(k) === 'annotation');
    return alone && !this.#inlining.includes(name) ? { name, schema: definitions[name] } : undefined;
  }

  #part(pointer: string, keyword: string, runs: SchemaPart['runs']): void {
    this.#parts.push({ pointer: `${pointer}/${escapePointer(keyword)}`, keyword, runs });
  }
}

function isKernelLimit(keyword: (typeof LIMITS)[number], value: unknown): boolean {
  if (typeof value !== 'number') return false;
  return keyword.endsWith('Length') ? Number.isInteger(value) && value < 2 ** 31 : Number.isFinite(value);
}

function isStringList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string');
}

function commonStrings(a: readonly string[] | undefined, b: readonly string[]): readonly string[] {
  return a === undefined ? b : b.filter((text) => a.includes(text));
}

function meet(a: readonly JsonType[], b: readonly JsonType[]): readonly JsonType[] {
  const allows = (types: readonly JsonType[], type: JsonType) =>
    types.includes(type) || (type === 'integer' && types.includes('number'));
  return JSON_TYPES.filter((type) => allows(a, type) && allows(b, type));
}

function refersElsewhere(root: SchemaObject): boolean {
  const visit = (schema: unknown, atRoot: boolean): boolean => {
    if (!isSchemaObject(schema)) return false;
    if (FOREIGN_REFERENCES.some((keyword) => schema[keyword] !== undefined)) return true;
    if (!atRoot && schema.$id !== undefined) return true;
    if (typeof schema.$ref === 'string' && !/^#\/\$defs\/[^/]+$/.test(schema.$ref)) return true;
    for (const below of subschemas(schema, '')) if (visit(below.schema, false)) return true;
    return false;
  };
  return visit(root, true);
}
