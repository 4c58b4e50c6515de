import { type Operand, resolveCall, resolveCase, resolveCast, settle, unknownLiteral } from '../plan/coercion.ts';
import type { Expression } from '../plan/expression.ts';
import { literal } from '../plan/expression-factory.ts';
import { TYPE, type TypeKind } from '../plan/type-name.ts';
import { Decimal } from '../plan/value/decimal.ts';
import type { ColumnType } from './column-type.ts';

export type NumberKind = 'int2' | 'int4' | 'int8' | 'numeric' | 'float4' | 'float8';
type StampKind = 'timestamp' | 'timestamptz' | 'date';

/** What may stand beside a value of a kind: another value, or a constant as TypeScript writes it. */
export type Comparable<Kind extends TypeKind> =
  | (Kind extends NumberKind ? Value<NumberKind> | number | bigint : never)
  | (Kind extends StampKind ? Value<StampKind> | Date | string : never)
  | (Kind extends 'boolean' ? Value<'boolean'> | boolean : never)
  | (Kind extends 'text' | 'uuid' | 'bytea' | 'time' | 'interval' ? Value<Kind> | string : never)
  | (Kind extends 'jsonb' | 'array' ? Value<Kind> : never);

type Larger<A extends NumberKind, B extends NumberKind> = [A, B] extends ['float4', 'float4']
  ? 'float4'
  : 'float4' extends A | B
    ? 'float8'
    : 'float8' extends A | B
      ? 'float8'
      : 'numeric' extends A | B
        ? 'numeric'
        : 'int8' extends A | B
          ? 'int8'
          : 'int4' extends A | B
            ? 'int4'
            : 'int2';

/** The kind of an arithmetic result: PostgreSQL's promotion; a constant with a point is numeric. */
export type Arithmetic<Kind extends TypeKind, Other> = Kind extends NumberKind
  ? Other extends Value<infer OtherKind>
    ? OtherKind extends NumberKind
      ? Larger<Kind, OtherKind>
      : never
    : Other extends number
      ? `${Other}` extends `${string}.${string}`
        ? Larger<Kind, 'numeric'>
        : Larger<Kind, 'int4'>
      : Larger<Kind, 'int8'>
  : never;

/** Any operand that {@link Value} methods take. */
export type AnyOperand = Value | string | number | bigint | boolean | Date | null;

const INT4_MAX = 2_147_483_647;

/** A constant as SQL would type it: a quoted text is open, a whole number the smallest integer, another number numeric. */
export function operandOf(value: AnyOperand): Operand {
  if (value instanceof Value) return value.expression;
  if (value === null || typeof value === 'string') return unknownLiteral(value);
  if (typeof value === 'boolean') return literal(value, TYPE.boolean);
  if (value instanceof Date) return literal(BigInt(value.getTime()) * 1000n, TYPE.timestamptz);
  if (typeof value === 'number' && !Number.isInteger(value)) return literal(Decimal.parse(String(value)), TYPE.numeric);
  const whole = BigInt(value);
  if (whole >= -INT4_MAX && whole <= INT4_MAX) return literal(Number(whole), TYPE.int4);
  return literal(whole, TYPE.int8);
}

/** Calls a function of the plan's catalogue by name. */
function apply<Kind extends TypeKind>(name: string, ...operands: readonly AnyOperand[]): Value<Kind> {
  return new Value<Kind>(resolveCall(name, operands.map(operandOf)));
}

/** A typed expression over a row. Methods mean what PostgreSQL's operators and functions of that name mean. */
export class Value<Kind extends TypeKind = TypeKind> {
  readonly expression: Expression;
  /** Exists for the compiler only. */
  declare readonly kind: Kind;

  constructor(expression: Expression) {
    this.expression = expression;
  }

  eq(other: Comparable<Kind>): Value<'boolean'> {
    return apply('eq', this, other as AnyOperand);
  }
  ne(other: Comparable<Kind>): Value<'boolean'> {
    return apply('ne', this, other as AnyOperand);
  }
  lt(other: Comparable<Kind>): Value<'boolean'> {
    return apply('lt', this, other as AnyOperand);
  }
  le(other: Comparable<Kind>): Value<'boolean'> {
    return apply('le', this, other as AnyOperand);
  }
  gt(other: Comparable<Kind>): Value<'boolean'> {
    return apply('gt', this, other as AnyOperand);
  }
  ge(other: Comparable<Kind>): Value<'boolean'> {
    return apply('ge', this, other as AnyOperand);
  }
  between(low: Comparable<Kind>, high: Comparable<Kind>): Value<'boolean'> {
    return this.ge(low).and(this.le(high));
  }
  in(...values: readonly [Comparable<Kind>, ...Comparable<Kind>[]]): Value<'boolean'> {
    return apply('or', ...values.map((value) => this.eq(value)));
  }
  isNull(): Value<'boolean'> {
    return apply('is_null', this);
  }
  isNotNull(): Value<'boolean'> {
    return apply('is_not_null', this);
  }
  /** The first that is not null. */
  coalesce(...others: readonly [Comparable<Kind>, ...Comparable<Kind>[]]): Value<Kind> {
    return apply('coalesce', this, ...(others as readonly AnyOperand[]));
  }
  nullIf(other: Comparable<Kind>): Value<Kind> {
    return apply('nullif', this, other as AnyOperand);
  }
  cast<To extends TypeKind>(to: ColumnType<To>): Value<To> {
    return new Value<To>(resolveCast(this.expression, to.type));
  }

  and(this: Value<'boolean'>, ...others: readonly Value<'boolean'>[]): Value<'boolean'> {
    return apply('and', this, ...others);
  }
  or(this: Value<'boolean'>, ...others: readonly Value<'boolean'>[]): Value<'boolean'> {
    return apply('or', this, ...others);
  }
  not(this: Value<'boolean'>): Value<'boolean'> {
    return apply('not', this);
  }

  add<const Other extends Value<NumberKind> | number | bigint>(
    this: Value<NumberKind>,
    other: Other,
  ): Value<Arithmetic<Kind, Other>> {
    return apply('add', this, other);
  }
  subtract<const Other extends Value<NumberKind> | number | bigint>(
    this: Value<NumberKind>,
    other: Other,
  ): Value<Arithmetic<Kind, Other>> {
    return apply('subtract', this, other);
  }
  multiply<const Other extends Value<NumberKind> | number | bigint>(
    this: Value<NumberKind>,
    other: Other,
  ): Value<Arithmetic<Kind, Other>> {
    return apply('multiply', this, other);
  }
  /** Whole numbers give a whole number, cut towards zero. */
  divide<const Other extends Value<NumberKind> | number | bigint>(
    this: Value<NumberKind>,
    other: Other,
  ): Value<Arithmetic<Kind, Other>> {
    return apply('divide', this, other);
  }
  modulo<const Other extends Value<NumberKind> | number | bigint>(
    this: Value<NumberKind>,
    other: Other,
  ): Value<Arithmetic<Kind, Other>> {
    return apply('modulo', this, other);
  }
  negate(this: Value<NumberKind>): Value<Kind> {
    return apply('negate', this);
  }
  abs(this: Value<NumberKind>): Value<Kind> {
    return apply('abs', this);
  }

  concat(this: Value<'text'>, other: Value | string): Value<'text'> {
    return apply('concat', this, other);
  }
  lower(this: Value<'text'>): Value<'text'> {
    return apply('lower', this);
  }
  upper(this: Value<'text'>): Value<'text'> {
    return apply('upper', this);
  }
  trim(this: Value<'text'>): Value<'text'> {
    return apply('btrim', this);
  }
  length(this: Value<'text'>): Value<'int4'> {
    return apply('length', this);
  }
  splitPart(this: Value<'text'>, delimiter: string, field: number): Value<'text'> {
    return apply('split_part', this, delimiter, field);
  }
  substring(this: Value<'text'>, start: number, length?: number): Value<'text'> {
    return length === undefined ? apply('substring', this, start) : apply('substring', this, start, length);
  }
  replace(this: Value<'text'>, from: string, to: string): Value<'text'> {
    return apply('replace', this, from, to);
  }
  startsWith(this: Value<'text'>, prefix: string): Value<'boolean'> {
    return apply('starts_with', this, prefix);
  }
  like(this: Value<'text'>, pattern: string): Value<'boolean'> {
    return apply('like', this, pattern);
  }
  ilike(this: Value<'text'>, pattern: string): Value<'boolean'> {
    return apply('ilike', this, pattern);
  }
  /** A regular expression, found anywhere in the text. */
  matches(this: Value<'text'>, pattern: string): Value<'boolean'> {
    return apply('matches', this, pattern);
  }

  /** Member of a JSON object or element of an array. */
  get(this: Value<'jsonb'>, key: string | number): Value<'jsonb'> {
    return apply('json_get', this, key);
  }
  getText(this: Value<'jsonb'>, key: string | number): Value<'text'> {
    return apply('json_get_text', this, key);
  }
  dateTrunc(this: Value<'timestamp' | 'timestamptz'>, unit: string): Value<Kind> {
    return apply('date_trunc', unit, this);
  }
}

/**
 * A constant text: for expressions that begin with one.
 *
 * @example
 * ```ts
 * const sections = clicks.select((r) => ({ section: text('/').concat(r.page.splitPart('/', 2)) }));
 * sections.node.columns[0]!.type.kind; // 'text'
 * ```
 */
export function text(value: string): Value<'text'> {
  return new Value<'text'>(literal(value, TYPE.text));
}

/**
 * Any built-in function by its name in the catalogue; its result kind is what you say.
 *
 * @example
 * ```ts
 * const shown = clicks.select((r) => ({ day: fn<'text'>('to_char', r.time, 'YYYY-MM-DD') }));
 * shown.node.columns[0]!.type.kind; // 'text'
 * ```
 */
export function fn<Kind extends TypeKind>(name: string, ...operands: readonly AnyOperand[]): Value<Kind> {
  return apply<Kind>(name, ...operands);
}

/**
 * `CASE WHEN ... THEN ... ELSE ... END`, as pairs of a condition and a result.
 *
 * @example
 * ```ts
 * const sized = clicks.with((r) => ({ size: cases<'text'>([[r.bytes.ge(1000), 'large']], 'small') }));
 * sized.node.columns.map((column) => column.name); // ['time', 'page', 'bytes', 'size']
 * ```
 */
export function cases<Kind extends TypeKind>(
  branches: readonly (readonly [when: Value<'boolean'>, result: Comparable<Kind>])[],
  otherwise: Comparable<Kind> | null,
): Value<Kind> {
  const pairs = branches.map(([when, result]) => ({ when: operandOf(when), result: operandOf(result as AnyOperand) }));
  return new Value<Kind>(settle(resolveCase(pairs, operandOf(otherwise as AnyOperand))));
}
