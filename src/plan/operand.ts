import { HeadraceError } from '../base/error.ts';
import type { DataType } from './data-type.ts';
import type { Expression } from './expression.ts';
import { castTo, literal } from './expression-factory.ts';
import { TYPE, type TypeKind, typeName, typesEqual } from './type-name.ts';
import { textToValue } from './value/value-text.ts';

/** A quoted constant or NULL as written: PostgreSQL's type `unknown`; takes the type that its place wants. */
export interface UnknownLiteral {
  readonly kind: 'unknown';
  readonly text: string | null;
}

/** An argument before its types are settled. */
export type Operand = Expression | UnknownLiteral;

export function unknownLiteral(text: string | null): UnknownLiteral {
  return Object.freeze({ kind: 'unknown', text });
}

/** PostgreSQL's implicit casts (its manual, section 10, and pg_cast), by target. */
const IMPLICIT: Readonly<Partial<Record<TypeKind, readonly TypeKind[]>>> = {
  int4: ['int2'],
  int8: ['int2', 'int4'],
  numeric: ['int2', 'int4', 'int8'],
  float4: ['int2', 'int4', 'int8', 'numeric'],
  float8: ['int2', 'int4', 'int8', 'numeric', 'float4'],
  timestamp: ['date'],
  timestamptz: ['date', 'timestamp'],
  interval: ['time'],
};

/** The number types, each coercible to those after it. */
export const NUMBER_RANK: readonly TypeKind[] = ['int2', 'int4', 'int8', 'numeric', 'float4', 'float8'];
const TIME_RANK: readonly TypeKind[] = ['date', 'timestamp', 'timestamptz'];
/** Types that a constant or a choice leans to. */
export const PREFERRED: ReadonlySet<TypeKind> = new Set(['float8', 'text', 'timestamptz', 'interval', 'boolean']);

function categoryOf(kind: TypeKind): string {
  if (NUMBER_RANK.includes(kind)) return 'number';
  if (TIME_RANK.includes(kind)) return 'time';
  return kind;
}

/** Whether an implicit cast leads from one type to the other. */
export function coercible(from: DataType, to: DataType): boolean {
  if (from.kind === 'array' && to.kind === 'array') return coercible(from.element, to.element);
  return from.kind === to.kind
    ? from.kind === 'numeric' || typesEqual(from, to)
    : (IMPLICIT[to.kind]?.includes(from.kind) ?? false);
}

/**
 * The operand as an expression of this type, by implicit casts only.
 * @throws HeadraceError `PLAN_TYPE_MISMATCH`; `PLAN_INVALID_TEXT` for a constant that is no value of the type
 */
export function coerce(operand: Operand, type: DataType): Expression {
  if (operand.kind === 'unknown') return literal(operand.text === null ? null : textToValue(operand.text, type), type);
  if (operand.type.kind === 'numeric' && type.kind === 'numeric' && type.precision === undefined) return operand;
  if (coercible(operand.type, type)) return castTo(operand, type);
  throw mismatch(`expected ${typeName(type)}, found ${typeName(operand.type)}`, 'write a cast');
}

/** What a constant is when nothing else decides: text. */
export function settle(operand: Operand): Expression {
  return operand.kind === 'unknown' ? coerce(operand, TYPE.text) : operand;
}

/** The type that all operands can take without an explicit cast (PostgreSQL manual, section 10.5). */
export function commonType(operands: readonly Operand[], what: string): DataType {
  let common: DataType | undefined;
  for (const operand of operands) {
    if (operand.kind === 'unknown') continue;
    const { type } = operand;
    if (common === undefined || typesEqual(common, type)) common = type;
    else if (common.kind === 'numeric' && type.kind === 'numeric') common = TYPE.numeric;
    else if (categoryOf(common.kind) !== categoryOf(type.kind)) {
      throw mismatch(`${what} types ${typeName(common)} and ${typeName(type)} cannot be matched`, 'write a cast');
    } else if (coercible(common, type)) common = type;
    else if (!coercible(type, common)) {
      throw mismatch(`${what} types ${typeName(common)} and ${typeName(type)} cannot be matched`, 'write a cast');
    }
  }
  return common ?? TYPE.text;
}

export function coerceAll(operands: readonly Operand[], what: string): Expression[] {
  const type = commonType(operands, what);
  return operands.map((operand) => coerce(operand, type));
}

export function mismatch(message: string, next: string): HeadraceError {
  return new HeadraceError(`resolving types: ${message}`, { code: 'PLAN_TYPE_MISMATCH', domain: 'plan', next });
}
