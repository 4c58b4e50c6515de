import type { CaseExpression, Expression } from '../../plan/expression.ts';
import { equalOperands, orderOperands } from './emit-comparison.ts';
import { emitBoolean, isTrue } from './emit-strict.ts';
import type { Captured, Emitter } from './emitter.ts';
import { type Code, i32, type ValueType } from './instruction.ts';
import { asI32, eitherNull, notCompilable, ONE, type Operand, ZERO } from './operand.ts';

/**
 * Three-valued logic on two bounds: a value is certainly true (`value`) or possibly true (`value | isNull`). AND and OR work
 * on the bounds apart; where they differ, the result is null.
 */
interface Bounds {
  readonly certain: Code<'i32'>;
  readonly possible: Code<'i32'>;
}

function boundsOf(operand: Operand): Bounds {
  const certain = asI32(operand);
  return { certain, possible: operand.isNull === undefined ? certain : i32.or(certain, operand.isNull) };
}

/** AND, OR: left to right; what comes behind the deciding one is skipped if it may bail or is worth a branch. */
export function emitConnective(emitter: Emitter, args: readonly Expression[], isAnd: boolean): Operand {
  const combine = isAnd ? i32.and : i32.or;
  const first = emitter.compile(args[0]!);
  let nullable = first.isNull !== undefined;
  const start = boundsOf(first);
  const certain = emitter.local('i32');
  const possible = emitter.local('i32');
  emitter.push(certain.set(start.certain));
  if (nullable) emitter.push(possible.set(start.possible));
  for (const arg of args.slice(1)) {
    const captured = emitter.captureOrBail(() => {
      const operand = emitter.compile(arg);
      const bounds = boundsOf(operand);
      // The possible bound is read before the certain one changes: it may be the same local.
      if (nullable || operand.isNull !== undefined) {
        emitter.push(possible.set(combine(nullable ? possible.get : certain.get, bounds.possible)));
      }
      emitter.push(certain.set(combine(certain.get, bounds.certain)));
      return operand;
    });
    const wasNullable = nullable;
    const becomes = wasNullable || captured.result?.isNull !== undefined;
    if (becomes && !wasNullable) emitter.push(possible.set(certain.get));
    if (captured.bails || captured.calls) {
      const undecided = isAnd ? (wasNullable ? possible.get : certain.get) : i32.eqz(certain.get);
      emitter.when(undecided, captured);
    } else {
      emitter.append(captured);
    }
    nullable = becomes;
  }
  if (!nullable) return { physical: 'i32', value: certain.get, isNull: undefined };
  return { physical: 'i32', value: certain.get, isNull: emitter.keep(i32.xor(certain.get, possible.get)) };
}

export function emitNot(emitter: Emitter, arg: Expression): Operand {
  const operand = emitter.compile(arg);
  return emitBoolean(emitter, i32.eqz(asI32(operand)), operand.isNull);
}

/** IS TRUE, IS NULL and the like: never null themselves. */
export function emitTest(emitter: Emitter, name: string, arg: Expression): Operand {
  const operand = emitter.compile(arg);
  const isNull = operand.isNull ?? ZERO;
  switch (name) {
    case 'is_null':
      return emitBoolean(emitter, isNull, undefined);
    case 'is_not_null':
      return emitBoolean(emitter, i32.eqz(isNull), undefined);
    case 'is_true':
      return emitBoolean(emitter, asI32(operand), undefined);
    case 'is_not_true':
      return emitBoolean(emitter, i32.eqz(asI32(operand)), undefined);
    case 'is_false':
      return emitBoolean(emitter, i32.eqz(i32.or(asI32(operand), isNull)), undefined);
    case 'is_not_false':
      return emitBoolean(emitter, i32.or(asI32(operand), isNull), undefined);
    default:
      return notCompilable(name);
  }
}

export function emitDistinct(emitter: Emitter, args: readonly Expression[], wanted: boolean): Operand {
  const a = emitter.compile(args[0]!);
  const b = emitter.compile(args[1]!);
  const isNull = eitherNull(a.isNull, b.isNull);
  const equal = emitter.local('i32');
  if (isNull === undefined) {
    emitter.push(equal.set(equalOperands(emitter, a, b, args[0]!.type)));
  } else {
    const compared = emitter.capture(() => {
      emitter.push(equal.set(equalOperands(emitter, a, b, args[0]!.type)));
    });
    const bothNull = emitter.capture(() => {
      emitter.push(equal.set(i32.eq(a.isNull ?? ZERO, b.isNull ?? ZERO)));
    });
    emitter.when(isNull, bothNull, compared);
  }
  return emitBoolean(emitter, wanted ? i32.eqz(equal.get) : equal.get, undefined);
}

/** NULLIF: the first, or null when both are equal. */
export function emitNullIf(emitter: Emitter, args: readonly Expression[]): Operand {
  const a = emitter.compile(args[0]!);
  const equal = emitter.local('i32');
  emitter.push(equal.set(ZERO));
  const compared = emitter.capture(() => {
    const b = emitter.compile(args[1]!);
    const same = equalOperands(emitter, a, b, args[0]!.type);
    emitter.push(equal.set(b.isNull === undefined ? same : i32.and(same, i32.eqz(b.isNull))));
  });
  if (a.isNull === undefined) emitter.append(compared);
  else emitter.when(i32.eqz(a.isNull), compared);
  const isNull = a.isNull === undefined ? equal.get : i32.or(a.isNull, equal.get);
  if (a.physical === 'i32') {
    return { ...a, value: emitter.keep(i32.and(a.value, i32.sub(equal.get, ONE))), isNull: emitter.keep(isNull) };
  }
  return { ...a, isNull: emitter.keep(isNull) };
}

function greater(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

/** Where the results of alternatives meet: locals that each of them sets. */
class Meeting {
  readonly #emitter: Emitter;
  #operand: Operand | undefined;
  #set: ((operand: Operand) => void) | undefined;
  #nullable = false;

  constructor(emitter: Emitter) {
    this.#emitter = emitter;
  }

  /** Sets the locals to an alternative. @throws NotCompilable when alternatives differ in their scale */
  take(operand: Operand): void {
    this.#join(operand);
    this.#nullable ||= operand.isNull !== undefined;
    this.#set!(operand);
  }

  #join(operand: Operand): void {
    const known = this.#operand;
    if (known === undefined) {
      const value = this.#emitter.local<ValueType>(operand.value.type);
      const isNull = this.#emitter.local('i32');
      this.#set = (taken) => {
        this.#emitter.push(value.set(taken.value));
        this.#emitter.push(isNull.set(taken.isNull ?? ZERO));
      };
      this.#operand = { ...operand, value: value.get, isNull: isNull.get } as Operand;
      return;
    }
    if (known.physical !== operand.physical) notCompilable('a choice of different forms');
    if (known.physical === 'interval') notCompilable('a choice of intervals');
    if (known.physical !== 'i64' || operand.physical !== 'i64') return;
    const bound = greater(known.bound, operand.bound);
    if (known.scale !== undefined && operand.scale !== undefined && known.scale !== operand.scale) {
      notCompilable('a choice of numerics of different scale');
    }
    this.#operand = { ...known, bound, scale: known.scale ?? operand.scale };
  }

  get operand(): Operand {
    const operand = this.#operand ?? notCompilable('a choice without a result');
    return this.#nullable ? operand : { ...operand, isNull: undefined };
  }
}

export function emitCoalesce(emitter: Emitter, args: readonly Expression[]): Operand {
  const meeting = new Meeting(emitter);
  meeting.take(emitter.compile(args[0]!));
  for (const arg of args.slice(1)) {
    const { isNull } = meeting.operand;
    if (isNull === undefined) break;
    const next = emitter.captureOrBail(() => meeting.take(emitter.compile(arg)));
    emitter.when(isNull, next);
  }
  return meeting.operand;
}

/** GREATEST and LEAST pass nulls over. */
export function emitExtreme(emitter: Emitter, args: readonly Expression[], greatest: boolean): Operand {
  const meeting = new Meeting(emitter);
  const operands = args.map((arg) => emitter.compile(arg));
  meeting.take(operands[0]!);
  for (const operand of operands.slice(1)) {
    const best = meeting.operand;
    const better = emitter.local('i32');
    const compared = emitter.capture(() => {
      const order = orderOperands(emitter, operand, best, args[0]!.type);
      emitter.push(better.set(greatest ? i32.gt(order, ZERO) : i32.lt(order, ZERO)));
    });
    const first = emitter.capture(() => emitter.push(better.set(ONE)));
    emitter.when(best.isNull ?? ZERO, first, compared);
    const taken = emitter.capture(() => meeting.take(operand));
    const present = operand.isNull === undefined ? better.get : i32.and(better.get, i32.eqz(operand.isNull));
    emitter.when(present, taken);
  }
  return meeting.operand;
}

/** CASE: a branch is evaluated when its condition is true and none before it was. */
export function emitCase(emitter: Emitter, expression: CaseExpression): Operand {
  const meeting = new Meeting(emitter);
  emitBranches(emitter, expression, 0, meeting);
  return meeting.operand;
}

function emitBranches(emitter: Emitter, expression: CaseExpression, at: number, meeting: Meeting): void {
  const branch = expression.branches[at];
  if (branch === undefined) {
    emitter.append(emitter.captureOrBail(() => meeting.take(emitter.compile(expression.otherwise))));
    return;
  }
  // The first condition is evaluated for every row: if it cannot be compiled, nothing is gained.
  const condition = at === 0 ? emitter.compile(branch.when) : conditionOf(emitter, branch.when);
  if (condition === undefined) return;
  const yes = emitter.captureOrBail(() => meeting.take(emitter.compile(branch.then)));
  const no = emitter.capture(() => emitBranches(emitter, expression, at + 1, meeting));
  emitter.when(isTrue(condition), yes, no);
}

/** The condition of a later branch; undefined when the row bails there. */
function conditionOf(emitter: Emitter, when: Expression): Operand | undefined {
  const captured: Captured<Operand | undefined> = emitter.captureOrBail(() => emitter.compile(when));
  emitter.append(captured);
  return captured.result;
}
