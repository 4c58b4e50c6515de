import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { HeadraceError } from '../../../base/error.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import { decodeValue, encodeValue } from '../../../plan/pipeline-text.ts';
import { Decimal } from '../../../plan/value/decimal.ts';
import { acceptUserValue } from '../../../plan/value/user-value.ts';
import type { ExpressionContext, UserFunction } from '../row-evaluator.ts';
import { type Accumulator, accumulatorInputs } from './accumulator.ts';
import { OrderedRows, type RowShape, rowOrder } from './ordered-rows.ts';

/** The parts of an aggregate that a user wrote; docs/sql/aggregates.md says what each is for. */
interface UserAggregate {
  readonly name: string;
  readonly init: UserFunction;
  readonly accumulate: UserFunction;
  readonly retract: UserFunction | undefined;
  readonly merge: UserFunction | undefined;
  readonly finish: UserFunction | undefined;
}

/**
 * Of an aggregate that a user wrote. Its state is kept when rows only come, or when it can take them back; else, and when it takes its rows
 * in an order, all rows are kept and the state is made anew from them for each result.
 */
export function userFactory(
  call: AggregateCall,
  appendOnly: boolean,
  userFunction: ExpressionContext['userFunction'],
): () => Accumulator {
  const aggregate = load(call, userFunction);
  if (call.orderBy === undefined && (appendOnly || aggregate.retract !== undefined)) {
    const { merge } = aggregate;
    return merge === undefined
      ? () => new StateAccumulator(call, aggregate)
      : () => new MergeableAccumulator(call, aggregate, merge);
  }
  const orderBy = call.orderBy ?? [];
  const types = accumulatorInputs(call).map((input) => input.type);
  const shape: RowShape = { types, args: types.length - orderBy.length, orderBy };
  const order = rowOrder(shape);
  const arrival = { next: 0 };
  return () => new RecomputedAccumulator(call, aggregate, shape, new OrderedRows(shape, order, arrival, appendOnly));
}

function load(call: AggregateCall, userFunction: ExpressionContext['userFunction']): UserAggregate {
  const { name, module, exportName } = call.user!;
  const part = (method: string): UserFunction => userFunction(module, `${exportName}.${method}`);
  const optional = (method: string): UserFunction | undefined => {
    try {
      return part(method);
    } catch (error) {
      if ((error as HeadraceError).code === 'ENGINE_USER_FUNCTION_MISSING') return undefined;
      throw error;
    }
  };
  return {
    name,
    init: part('init'),
    accumulate: part('accumulate'),
    retract: optional('retract'),
    merge: optional('merge'),
    finish: optional('finish'),
  };
}

function resultOf({ name, finish }: UserAggregate, call: AggregateCall, state: unknown): unknown {
  return acceptUserValue(finish === undefined ? state : finish(state), call.type, name);
}

/** A part that returns nothing has changed the state that it was given. */
function stateAfter(returned: unknown, before: unknown): unknown {
  return returned === undefined ? before : returned;
}

class StateAccumulator implements Accumulator {
  readonly #call: AggregateCall;
  readonly #aggregate: UserAggregate;
  #state: unknown;
  /** Made when the first row comes, and known to be one that a snapshot can hold. */
  #isMade = false;

  constructor(call: AggregateCall, aggregate: UserAggregate) {
    this.#call = call;
    this.#aggregate = aggregate;
  }

  add(value: unknown, weight: number, more: readonly unknown[]): void {
    const { name, init, accumulate, retract } = this.#aggregate;
    const before = this.#isMade ? this.#state : init();
    const after = stateAfter((weight < 0 ? retract! : accumulate)(before, value, ...more), before);
    if (!this.#isMade) requireData(after, name);
    this.#state = after;
    this.#isMade = true;
  }

  value(): unknown {
    return resultOf(this.#aggregate, this.#call, this.#isMade ? this.#state : this.#aggregate.init());
  }

  protected mergeBy(merge: UserFunction, other: StateAccumulator): void {
    if (!other.#isMade) return;
    this.#state = this.#isMade ? stateAfter(merge(this.#state, other.#state), this.#state) : other.#state;
    this.#isMade = true;
  }

  checkpoint(): () => void {
    const [state, isMade] = [structuredClone(this.#state), this.#isMade];
    return () => {
      this.#state = state;
      this.#isMade = isMade;
    };
  }

  snapshot(writer: ByteWriter): void {
    writer.u8(this.#isMade ? 1 : 0);
    if (!this.#isMade) return;
    requireData(this.#state, this.#aggregate.name);
    writer.text(JSON.stringify(encodeValue(this.#state)) ?? 'null');
  }

  restore(reader: ByteReader): void {
    this.#isMade = reader.u8() === 1;
    if (this.#isMade) this.#state = decodeValue(JSON.parse(reader.text()));
  }
}

class MergeableAccumulator extends StateAccumulator {
  readonly #merge: UserFunction;

  constructor(call: AggregateCall, aggregate: UserAggregate, merge: UserFunction) {
    super(call, aggregate);
    this.#merge = merge;
  }

  merge(other: MergeableAccumulator): void {
    this.mergeBy(this.#merge, other);
  }
}

class RecomputedAccumulator implements Accumulator {
  readonly #call: AggregateCall;
  readonly #aggregate: UserAggregate;
  readonly #args: number;
  readonly #rows: OrderedRows;

  constructor(call: AggregateCall, aggregate: UserAggregate, { args }: RowShape, rows: OrderedRows) {
    this.#call = call;
    this.#aggregate = aggregate;
    this.#args = args;
    this.#rows = rows;
  }

  add(value: unknown, weight: number, more: readonly unknown[]): void {
    this.#rows.add([value, ...more], weight);
  }

  value(): unknown {
    const { init, accumulate } = this.#aggregate;
    let state = init();
    this.#rows.forEach((row) => {
      state = stateAfter(accumulate(state, ...row.slice(0, this.#args)), state);
    });
    return resultOf(this.#aggregate, this.#call, state);
  }

  merge(other: RecomputedAccumulator): void {
    this.#rows.merge(other.#rows);
  }

  snapshot(writer: ByteWriter): void {
    this.#rows.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.#rows.restore(reader);
  }
}

/** A state of which a snapshot would lose something is refused before it holds anything. */
function requireData(state: unknown, name: string): void {
  const found = notData(state);
  if (found === undefined) return;
  throw new HeadraceError(`aggregate ${name}: its state holds ${found}, which a snapshot cannot keep`, {
    code: 'ENGINE_USER_STATE_INVALID',
    domain: 'engine',
    next: 'make the state of plain objects, arrays, texts, numbers, bigints, booleans and null',
  });
}

function notData(value: unknown): string | undefined {
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) return firstOf(value);
  if (value instanceof Decimal || value instanceof Uint8Array) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return `a ${value.constructor.name}`;
  if (prototype !== null && value.constructor?.name !== 'Object') return `a ${value.constructor?.name}`;
  return firstOf(Object.values(value));
}

function firstOf(values: readonly unknown[]): string | undefined {
  for (const value of values) {
    const found = notData(value);
    if (found !== undefined) return found;
  }
  return undefined;
}
