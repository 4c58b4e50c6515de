import type { Node, WindowDef } from 'libpg-query';
import { coerce } from '../../plan/coercion.ts';
import type { DataType } from '../../plan/data-type.ts';
import { castTo } from '../../plan/expression-factory.ts';
import type { SortKey } from '../../plan/node.ts';
import { TYPE } from '../../plan/type-name.ts';
import { Decimal } from '../../plan/value/decimal.ts';
import type { FrameBound, WindowFrame } from '../../plan/window-shape.ts';
import { type BindContext, ExpressionBinder } from '../expression-binder.ts';
import { Scope } from '../scope.ts';
import { nodeLocation } from '../text/syntax-tree.ts';

/** Bits of `frameOptions` (PostgreSQL, src/include/nodes/parsenodes.h). */
const RANGE = 0x2;
const ROWS = 0x4;
const START_UNBOUNDED_PRECEDING = 0x20;
const END_UNBOUNDED_FOLLOWING = 0x100;
const START_OFFSET_PRECEDING = 0x800;
const END_OFFSET_PRECEDING = 0x1000;
const START_OFFSET_FOLLOWING = 0x2000;
const END_OFFSET_FOLLOWING = 0x4000;
const EXCLUDE = 0x8000 | 0x10000 | 0x20000;

/** RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW: PostgreSQL's default. */
export const DEFAULT_FRAME: WindowFrame = Object.freeze({
  unit: 'range',
  start: Object.freeze({ kind: 'unbounded' }),
  end: Object.freeze({ kind: 'current-row' }),
});

/** ROWS, RANGE and GROUPS; without one, the default. */
export function bindFrame(context: BindContext, definition: WindowDef, keys: readonly SortKey[]): WindowFrame {
  const options = definition.frameOptions ?? 0;
  const { startOffset, endOffset, location } = definition;
  const refuse = (message: string, next: string, code = 'SQL_INVALID_CLAUSE'): Error =>
    context.source.error(context.place(location), message, { code, next });
  if ((options & EXCLUDE) !== 0) {
    throw refuse(
      'EXCLUDE is not supported in a window frame',
      'leave it out, and correct the result in the select list',
      'SQL_NOT_SUPPORTED',
    );
  }
  const unit = (options & ROWS) !== 0 ? 'rows' : (options & RANGE) !== 0 || options === 0 ? 'range' : 'groups';
  const hasOffset = startOffset !== undefined || endOffset !== undefined;
  if (unit === 'groups' && keys.length === 0) throw refuse('GROUPS requires an ORDER BY clause', 'add ORDER BY');
  if (unit === 'range' && hasOffset && keys.length !== 1) {
    throw refuse('RANGE with a distance requires exactly one ORDER BY column', 'order by one column, or use ROWS');
  }
  const distance = (node: Node | undefined): unknown => frameDistance(context, node!, unit, keys[0]);
  const start: FrameBound =
    (options & START_UNBOUNDED_PRECEDING) !== 0 || options === 0
      ? { kind: 'unbounded' }
      : (options & START_OFFSET_PRECEDING) !== 0
        ? { kind: 'preceding', distance: distance(startOffset) }
        : (options & START_OFFSET_FOLLOWING) !== 0
          ? { kind: 'following', distance: distance(startOffset) }
          : { kind: 'current-row' };
  const end: FrameBound =
    (options & END_UNBOUNDED_FOLLOWING) !== 0
      ? { kind: 'unbounded' }
      : (options & END_OFFSET_PRECEDING) !== 0
        ? { kind: 'preceding', distance: distance(endOffset) }
        : (options & END_OFFSET_FOLLOWING) !== 0
          ? { kind: 'following', distance: distance(endOffset) }
          : { kind: 'current-row' };
  return { unit, start, end };
}

/** A count of rows or groups as a number; a distance as a value of the order key's type, an interval for times. */
function frameDistance(context: BindContext, node: Node, unit: WindowFrame['unit'], key: SortKey | undefined): unknown {
  const at = context.place(nodeLocation(node));
  const refuse = (message: string): Error =>
    context.source.error(at, message, { code: 'SQL_INVALID_CLAUSE', next: 'write a constant' });
  const operand = new ExpressionBinder(context, new Scope([])).operand(node);
  const type = unit === 'range' ? distanceType(key!.expression.type) : TYPE.int8;
  if (type === undefined) {
    throw context.source.error(at, `RANGE with a distance is not possible over ${key!.expression.type.kind}`, {
      code: 'SQL_NOT_SUPPORTED',
      next: 'use ROWS',
    });
  }
  const value = context.source.locate(at, () =>
    operand.kind !== 'unknown' && unit === 'range' && type.kind !== 'interval'
      ? castTo(operand, type)
      : coerce(operand, type),
  );
  if (value.kind !== 'literal' || value.value === null)
    throw refuse('the distance of a frame must be a constant, not null');
  if (isNegative(value.value)) throw refuse('the distance of a frame must not be negative');
  return unit === 'range' ? value.value : Number(value.value);
}

function distanceType(key: DataType): DataType | undefined {
  switch (key.kind) {
    case 'int2':
    case 'int4':
    case 'int8':
    case 'float4':
    case 'float8':
      return key;
    case 'numeric':
      return TYPE.numeric;
    case 'date':
    case 'timestamp':
    case 'timestamptz':
    case 'time':
    case 'interval':
      return TYPE.interval;
    default:
      return undefined;
  }
}

function isNegative(value: unknown): boolean {
  if (typeof value === 'number' || typeof value === 'bigint') return value < 0;
  if (value instanceof Decimal) return value.toString().startsWith('-');
  const { months, days, micros } = value as { months: number; days: number; micros: bigint };
  return months < 0 || days < 0 || micros < 0n;
}
