import type { DataType } from '../plan/data-type.ts';
import { type PhysicalType, physicalOf } from './column.ts';
import type { Kernel } from './kernel.ts';

/** What a value becomes: PostgreSQL's types that a JSON value can fill. `check` fills no column and is only validated. */
export type JsonFieldKind =
  | 'check'
  | 'boolean'
  | 'int2'
  | 'int4'
  | 'int8'
  | 'float4'
  | 'float8'
  /** With precision up to 18: scaled i64; without: canonical text. */
  | 'numeric'
  | 'text'
  | 'uuid'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'jsonb';

/** Types of JSON values; `integer` is a number without a fraction (`1.0` and `1e2` are). */
export type JsonType = 'null' | 'true' | 'false' | 'boolean' | 'integer' | 'number' | 'string' | 'object' | 'array';

export interface JsonConstraints {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  /** Code points. */
  readonly minLength?: number;
  readonly maxLength?: number;
  /** The strings that are allowed. Numbers are refused beside it. */
  readonly enum?: readonly string[];
  /** RFC 3339 date-time (its offset is required) and full-date, RFC 4122 UUID. */
  readonly format?: 'date-time' | 'date' | 'uuid';
}

/** The field that a column of each type is read by; JSON has no form of the types that are not here. */
export const JSON_FIELD_KINDS: Readonly<Partial<Record<DataType['kind'], JsonFieldKind>>> = {
  boolean: 'boolean',
  int2: 'int2',
  int4: 'int4',
  int8: 'int8',
  float4: 'float4',
  float8: 'float8',
  numeric: 'numeric',
  text: 'text',
  uuid: 'uuid',
  date: 'date',
  time: 'time',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
  jsonb: 'jsonb',
  array: 'jsonb',
};

export interface JsonField {
  /** Keys from the root; empty for the row itself (kinds `check` and `jsonb` only). */
  readonly path: readonly string[];
  readonly kind: JsonFieldKind;
  /** Of `numeric`. */
  readonly precision?: number;
  readonly scale?: number;
  /** Refused when the enclosing object is there and lacks the key (JSON Schema's `required`). */
  readonly required?: boolean;
  /** False refuses the row when the value is null, or missing anywhere on the way. Default true. */
  readonly nullable?: boolean;
  /** JSON types that are taken; by default those that the kind can hold. */
  readonly types?: readonly JsonType[];
  readonly constraints?: JsonConstraints;
}

/** Offsets as in assembly/shape.ts. */
export const NODE_BYTES = 128;
export const NODE = {
  kind: 0,
  types: 4,
  flags: 8,
  field: 12,
  data: 16,
  nulls: 20,
  end: 32,
  parent: 36,
  scale: 60,
  precision: 64,
  constraint: 68,
  widthShift: 72,
  children: 76,
  anyText: 80,
} as const;
const KINDS = [
  'check',
  'boolean',
  'int2',
  'int4',
  'int8',
  'float4',
  'float8',
  'scaled',
  'numeric',
  'text',
  'uuid',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'jsonb',
] as const;
/** Strings for a number are only those that say what JSON has no number for; as TYPE_SPELLED_ONLY in assembly/shape.ts. */
const SPELLED_ONLY = 1 << 16;
const TYPE_BITS: Readonly<Record<JsonType, number>> = {
  null: 1,
  true: 2,
  false: 4,
  boolean: 6,
  integer: 8,
  number: 24,
  string: 32,
  object: 64,
  array: 128,
};
const TYPES_ALL = 255;
const FLAG_REQUIRED = 1;
const FLAG_NOT_NULL = 2;
const FORMATS = { 'date-time': 1, date: 2, uuid: 3 } as const;
const CONSTRAINT_BYTES = 48;
/** Digits that a scaled 64-bit integer always holds. */

const TYPES_OF_KIND: Readonly<Record<JsonFieldKind, readonly JsonType[]>> = {
  check: ['boolean', 'number', 'string', 'object', 'array'],
  boolean: ['boolean'],
  int2: ['integer'],
  int4: ['integer'],
  int8: ['integer'],
  float4: ['number', 'string'],
  float8: ['number', 'string'],
  numeric: ['number'],
  text: ['string'],
  uuid: ['string'],
  date: ['string'],
  time: ['string'],
  timestamp: ['string', 'number'],
  timestamptz: ['string', 'number'],
  jsonb: ['boolean', 'number', 'string', 'object', 'array'],
};

function isScaled(field: JsonField): boolean {
  return field.kind === 'numeric' && physicalOfField(field) === 'i64';
}

/** The physical column of a field, undefined for `check`. */
export function physicalOfField(field: JsonField): PhysicalType | undefined {
  const { kind, precision } = field;
  return kind === 'check' ? undefined : physicalOf({ kind, precision });
}

interface Branch {
  readonly key: string;
  readonly path: readonly string[];
  field: number;
  readonly children: Map<string, Branch>;
}

/** The tree of the fields' paths in kernel memory. */
export interface JsonShape {
  /** Address of the first node. */
  readonly nodes: number;
  readonly nodesEnd: number;
  /** Address of the node of each field. */
  readonly fieldNodes: readonly number[];
  /** Path of each node, in order. */
  readonly paths: readonly (readonly string[])[];
}

function plant(fields: readonly JsonField[]): Branch {
  const root: Branch = { key: '', path: [], field: -1, children: new Map() };
  fields.forEach((field, index) => {
    let branch = root;
    for (const key of field.path) {
      let child = branch.children.get(key);
      if (child === undefined) {
        child = { key, path: [...branch.path, key], field: -1, children: new Map() };
        branch.children.set(key, child);
      }
      branch = child;
    }
    branch.field = index;
  });
  return root;
}

function typeBits(types: readonly JsonType[]): number {
  return types.reduce((bits, type) => bits | TYPE_BITS[type], 0);
}

/** Writes the tree into kernel memory. Two fields of one path are the caller's to keep apart. */
export function buildJsonShape(
  kernel: Kernel,
  fields: readonly JsonField[],
  rootTypes: readonly JsonType[],
): JsonShape {
  const tree = plant(fields);
  const order: { branch: Branch; parent: number }[] = [];
  const ends: number[] = [];
  const visit = (branch: Branch, parent: number) => {
    const at = order.push({ branch, parent }) - 1;
    for (const child of branch.children.values()) visit(child, at);
    ends[at] = order.length;
  };
  visit(tree, 0);
  const nodes = kernel.exports.allocZeroed(order.length * NODE_BYTES) >>> 0;
  const fieldNodes: number[] = [];
  order.forEach(({ branch, parent }, index) => {
    const node = nodes + index * NODE_BYTES;
    const field = fields[branch.field];
    if (field !== undefined) fieldNodes[branch.field] = node;
    writeNode(kernel, node, branch, field, index === 0 ? typeBits(rootTypes) : undefined);
    const words = kernel.u32();
    words[(node + NODE.end) >>> 2] = nodes + ends[index]! * NODE_BYTES;
    words[(node + NODE.parent) >>> 2] = nodes + parent * NODE_BYTES;
    if (index > 0) writeEntry(kernel, nodes + parent * NODE_BYTES, branch.key, node);
  });
  return { nodes, nodesEnd: nodes + order.length * NODE_BYTES, fieldNodes, paths: order.map((o) => o.branch.path) };
}

function writeNode(
  kernel: Kernel,
  node: number,
  branch: Branch,
  field: JsonField | undefined,
  root: number | undefined,
) {
  const constraint = field?.constraints === undefined ? 0 : writeConstraint(kernel, field.constraints);
  const kind = field === undefined ? 'check' : isScaled(field) ? 'scaled' : field.kind;
  const nullable = field?.nullable ?? true;
  let types = root ?? TYPES_ALL;
  if (field !== undefined) {
    types = typeBits(field.types ?? TYPES_OF_KIND[field.kind]);
    if (field.types === undefined) types |= TYPE_BITS.null | SPELLED_ONLY;
    if (root !== undefined) types &= root;
    if (!nullable) types &= ~TYPE_BITS.null;
  }
  const physical = field === undefined ? undefined : physicalOfField(field);
  const words = kernel.u32();
  const put = (offset: number, value: number) => {
    words[(node + offset) >>> 2] = value;
  };
  put(NODE.kind, KINDS.indexOf(kind));
  put(NODE.types, types);
  put(NODE.flags, (field?.required ? FLAG_REQUIRED : 0) | (nullable ? 0 : FLAG_NOT_NULL));
  put(NODE.field, branch.field);
  put(NODE.scale, field?.scale ?? 0);
  put(NODE.precision, field?.precision ?? 0);
  put(NODE.constraint, constraint);
  put(NODE.widthShift, physical === 'str' ? 4 : physical === 'i32' ? 2 : 3);
  put(NODE.children, branch.children.size > 0 ? 1 : 0);
  put(NODE.anyText, kind === 'check' && constraint === 0 && (types & TYPE_BITS.string) !== 0 ? 1 : 0);
}

function writeEntry(kernel: Kernel, parent: number, key: string, node: number): void {
  const bytes = Buffer.from(key, 'utf8');
  const pointer = kernel.alloc(bytes.length + 16);
  kernel.u8().set(bytes, pointer);
  kernel.exports.makeEntry(parent, pointer, bytes.length, node);
  kernel.free(pointer);
}

function writeConstraint(kernel: Kernel, constraints: JsonConstraints): number {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength } = constraints;
  const strings = constraints.enum?.map((text) => Buffer.from(text, 'utf8')) ?? [];
  const pointer = kernel.exports.allocZeroed(CONSTRAINT_BYTES) >>> 0;
  const references = kernel.exports.allocZeroed(Math.max(strings.length, 1) * 16) >>> 0;
  strings.forEach((bytes, index) => {
    const text = kernel.exports.allocZeroed(bytes.length + 16) >>> 0;
    kernel.u8().set(bytes, text);
    kernel.u32()[(references >>> 2) + index * 4] = bytes.length;
    kernel.u32()[(references >>> 2) + index * 4 + 2] = text;
  });
  const lowest = Math.max(minimum ?? -Infinity, exclusiveMinimum ?? -Infinity);
  const highest = Math.min(maximum ?? Infinity, exclusiveMaximum ?? Infinity);
  const isLowestExclusive = exclusiveMinimum !== undefined && exclusiveMinimum === lowest;
  const isHighestExclusive = exclusiveMaximum !== undefined && exclusiveMaximum === highest;
  const hasLength = minLength !== undefined || maxLength !== undefined;
  const words = kernel.u32();
  words[pointer >>> 2] =
    (lowest === -Infinity ? 0 : isLowestExclusive ? 2 : 1) |
    (highest === Infinity ? 0 : isHighestExclusive ? 8 : 4) |
    (hasLength ? 16 : 0) |
    (constraints.enum === undefined ? 0 : 32);
  words[(pointer + 4) >>> 2] = constraints.format === undefined ? 0 : FORMATS[constraints.format];
  kernel.f64()[(pointer + 8) >>> 3] = lowest;
  kernel.f64()[(pointer + 16) >>> 3] = highest;
  words[(pointer + 24) >>> 2] = minLength ?? 0;
  words[(pointer + 28) >>> 2] = Math.min(maxLength ?? 0xffff_ffff, 0xffff_ffff);
  words[(pointer + 32) >>> 2] = references;
  words[(pointer + 36) >>> 2] = strings.length;
  return pointer;
}
