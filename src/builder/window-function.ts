import { coerce, coerceAll } from '../plan/coercion.ts';
import type { DataType } from '../plan/data-type.ts';
import { literal } from '../plan/expression-factory.ts';
import type { WindowCall } from '../plan/node.ts';
import { TYPE, type TypeKind } from '../plan/type-name.ts';
import { textToValue } from '../plan/value/value-text.ts';
import type { FrameBound, WindowFrame } from '../plan/window-shape.ts';
import type { Aggregate } from './aggregate.ts';
import { type AnyOperand, operandOf, type Value } from './value.ts';

/** A column that a window makes. */
export class WindowValue<Kind extends TypeKind = TypeKind> {
  readonly call: Omit<WindowCall, 'frame'>;
  /** Exists for the compiler only. */
  declare readonly kind: Kind;

  constructor(call: Omit<WindowCall, 'frame'>) {
    this.call = call;
  }
}

/** Where a frame begins or ends: so many rows (or groups of equal rows) before or after, or a distance such as `10 minutes`. */
export type FrameEdge =
  | 'unbounded'
  | 'current row'
  | { readonly before: number | string }
  | { readonly after: number | string };

/** Which rows around a row its functions see. Without one: all up to the row and its equals. */
export type Frame = { readonly [Unit in WindowFrame['unit']]?: readonly [start: FrameEdge, end: FrameEdge] };

const DEFAULT_FRAME: WindowFrame = { unit: 'range', start: { kind: 'unbounded' }, end: { kind: 'current-row' } };

/** `key`: the type that rows are ordered by, for distances. */
export function windowFrame(frame: Frame | undefined, key: DataType | undefined): WindowFrame {
  for (const unit of ['rows', 'range', 'groups'] as const) {
    const edges = frame?.[unit];
    if (edges === undefined) continue;
    return { unit, start: frameBound(edges[0], unit, key), end: frameBound(edges[1], unit, key) };
  }
  return DEFAULT_FRAME;
}

function frameBound(edge: FrameEdge, unit: WindowFrame['unit'], key: DataType | undefined): FrameBound {
  if (edge === 'unbounded') return { kind: 'unbounded' };
  if (edge === 'current row') return { kind: 'current-row' };
  const [kind, distance] =
    'before' in edge ? (['preceding', edge.before] as const) : (['following', edge.after] as const);
  if (unit !== 'range' || key === undefined) return { kind, distance: Number(distance) };
  const isTime = ['timestamp', 'timestamptz', 'date', 'time', 'interval'].includes(key.kind);
  return { kind, distance: textToValue(String(distance), isTime ? TYPE.interval : key) };
}

function ranking<Kind extends TypeKind>(name: WindowCall['function'], type: DataType): WindowValue<Kind> {
  return new WindowValue<Kind>({ function: name, args: [], type });
}

/** `lag` and `lead`. */
function neighbour<Kind extends TypeKind>(
  name: 'lag' | 'lead',
  value: Value<Kind>,
  distance: number | undefined,
  otherwise: AnyOperand | undefined,
): WindowValue<Kind> {
  const instead = otherwise === undefined ? [] : [operandOf(otherwise)];
  const [of, ...rest] = coerceAll([value.expression, ...instead], name);
  const count = distance === undefined && rest.length === 0 ? [] : [coerce(operandOf(distance ?? 1), TYPE.int4)];
  return new WindowValue<Kind>({ function: name, args: [of!, ...count, ...rest], type: of!.type });
}

/**
 * Functions over the rows around a row, PostgreSQL's; for {@link Stream.over}.
 *
 * @example
 * ```ts
 * const ranked = clicks.over({ by: ['page'], orderBy: (r) => [desc(r.bytes)] }, (r) => ({ place: over.rank(), before: over.lag(r.bytes) }));
 * ranked.node.columns.map((column) => column.name).slice(-2); // ['place', 'before']
 * ```
 */
export const over = {
  rowNumber: () => ranking<'int8'>('row_number', TYPE.int8),
  rank: () => ranking<'int8'>('rank', TYPE.int8),
  denseRank: () => ranking<'int8'>('dense_rank', TYPE.int8),
  percentRank: () => ranking<'float8'>('percent_rank', TYPE.float8),
  cumeDist: () => ranking<'float8'>('cume_dist', TYPE.float8),
  ntile: (buckets: number) =>
    new WindowValue<'int4'>({ function: 'ntile', args: [literal(buckets, TYPE.int4)], type: TYPE.int4 }),
  /** The value so many rows before, 1 without a distance; `otherwise` (null without it) where there is no such row. */
  lag: <Kind extends TypeKind>(value: Value<Kind>, distance?: number, otherwise?: AnyOperand) =>
    neighbour('lag', value, distance, otherwise),
  lead: <Kind extends TypeKind>(value: Value<Kind>, distance?: number, otherwise?: AnyOperand) =>
    neighbour('lead', value, distance, otherwise),
  first: <Kind extends TypeKind>(value: Value<Kind>) =>
    new WindowValue<Kind>({ function: 'first_value', args: [value.expression], type: value.expression.type }),
  last: <Kind extends TypeKind>(value: Value<Kind>) =>
    new WindowValue<Kind>({ function: 'last_value', args: [value.expression], type: value.expression.type }),
  nth: <Kind extends TypeKind>(value: Value<Kind>, place: number) =>
    new WindowValue<Kind>({
      function: 'nth_value',
      args: [value.expression, literal(place, TYPE.int4)],
      type: value.expression.type,
    }),
  /** An aggregate over the frame: `over.of(sum(r.bytes))`. */
  of: <Kind extends TypeKind>(aggregate: Aggregate<Kind>) =>
    new WindowValue<Kind>({ function: 'aggregate', args: [], aggregate: aggregate.call, type: aggregate.call.type }),
} as const;
