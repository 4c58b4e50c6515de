import type { CodeSink, Label } from './code-sink.ts';

/** Number types, WebAssembly Core Specification 2.0, section 5.3.1. */
export const VALUE_TYPE = { i32: 0x7f, i64: 0x7e, f64: 0x7c } as const;
export type ValueType = keyof typeof VALUE_TYPE;

/** An instruction sequence that leaves one value of a type on the stack, or nothing. Written where it is used, each time. */
export interface Code<Type extends ValueType | 'none'> {
  readonly type: Type;
  write(sink: CodeSink): void;
}
export type Statement = Code<'none'>;

/** Opcodes: section 5.4 (Instructions) of the specification; `unreachable` and what we do not use is left out. */
function unary<From extends ValueType, To extends ValueType>(opcode: number, to: To): (value: Code<From>) => Code<To> {
  return (value) => ({
    type: to,
    write: (sink) => {
      value.write(sink);
      sink.byte(opcode);
    },
  });
}

type Binary<From extends ValueType, To extends ValueType> = (left: Code<From>, right: Code<From>) => Code<To>;

function binary<From extends ValueType, To extends ValueType>(opcode: number, to: To): Binary<From, To> {
  return (left, right) => ({
    type: to,
    write: (sink) => {
      left.write(sink);
      right.write(sink);
      sink.byte(opcode);
    },
  });
}

/** Memory instructions, section 5.4.6: alignment (log2) and offset follow the opcode. */
function load<Type extends ValueType>(opcode: number, alignment: number, type: Type) {
  return (address: Code<'i32'>, offset = 0): Code<Type> => ({
    type,
    write: (sink) => {
      address.write(sink);
      sink.byte(opcode);
      sink.unsigned(alignment);
      sink.unsigned(offset);
    },
  });
}

function store<Type extends ValueType>(opcode: number, alignment: number) {
  return (address: Code<'i32'>, value: Code<Type>, offset = 0): Statement => ({
    type: 'none',
    write: (sink) => {
      address.write(sink);
      value.write(sink);
      sink.byte(opcode);
      sink.unsigned(alignment);
      sink.unsigned(offset);
    },
  });
}

function constant<Type extends ValueType>(type: Type, write: (sink: CodeSink) => void): Code<Type> {
  return { type, write };
}

export const i32 = {
  const: (value: number): Code<'i32'> =>
    constant('i32', (sink) => {
      sink.byte(0x41);
      sink.signed(BigInt(value | 0));
    }),
  load: load(0x28, 2, 'i32'),
  load8u: load(0x2d, 0, 'i32'),
  store: store<'i32'>(0x36, 2),
  store8: store<'i32'>(0x3a, 0),
  eqz: unary<'i32', 'i32'>(0x45, 'i32'),
  eq: binary<'i32', 'i32'>(0x46, 'i32'),
  ne: binary<'i32', 'i32'>(0x47, 'i32'),
  lt: binary<'i32', 'i32'>(0x48, 'i32'),
  ltUnsigned: binary<'i32', 'i32'>(0x49, 'i32'),
  gt: binary<'i32', 'i32'>(0x4a, 'i32'),
  le: binary<'i32', 'i32'>(0x4c, 'i32'),
  ge: binary<'i32', 'i32'>(0x4e, 'i32'),
  add: binary<'i32', 'i32'>(0x6a, 'i32'),
  sub: binary<'i32', 'i32'>(0x6b, 'i32'),
  mul: binary<'i32', 'i32'>(0x6c, 'i32'),
  div: binary<'i32', 'i32'>(0x6d, 'i32'),
  rem: binary<'i32', 'i32'>(0x6f, 'i32'),
  and: binary<'i32', 'i32'>(0x71, 'i32'),
  or: binary<'i32', 'i32'>(0x72, 'i32'),
  xor: binary<'i32', 'i32'>(0x73, 'i32'),
  shl: binary<'i32', 'i32'>(0x74, 'i32'),
  wrap: unary<'i64', 'i32'>(0xa7, 'i32'),
  truncate: unary<'f64', 'i32'>(0xaa, 'i32'),
  extend16: unary<'i32', 'i32'>(0xc1, 'i32'),
} as const;

export const i64 = {
  const: (value: bigint): Code<'i64'> =>
    constant('i64', (sink) => {
      sink.byte(0x42);
      sink.signed(BigInt.asIntN(64, value));
    }),
  load: load(0x29, 3, 'i64'),
  store: store<'i64'>(0x37, 3),
  eqz: unary<'i64', 'i32'>(0x50, 'i32'),
  eq: binary<'i64', 'i32'>(0x51, 'i32'),
  ne: binary<'i64', 'i32'>(0x52, 'i32'),
  lt: binary<'i64', 'i32'>(0x53, 'i32'),
  gt: binary<'i64', 'i32'>(0x55, 'i32'),
  gtUnsigned: binary<'i64', 'i32'>(0x56, 'i32'),
  le: binary<'i64', 'i32'>(0x57, 'i32'),
  ge: binary<'i64', 'i32'>(0x59, 'i32'),
  add: binary<'i64', 'i64'>(0x7c, 'i64'),
  sub: binary<'i64', 'i64'>(0x7d, 'i64'),
  mul: binary<'i64', 'i64'>(0x7e, 'i64'),
  div: binary<'i64', 'i64'>(0x7f, 'i64'),
  rem: binary<'i64', 'i64'>(0x81, 'i64'),
  and: binary<'i64', 'i64'>(0x83, 'i64'),
  or: binary<'i64', 'i64'>(0x84, 'i64'),
  xor: binary<'i64', 'i64'>(0x85, 'i64'),
  shr: binary<'i64', 'i64'>(0x87, 'i64'),
  extend: unary<'i32', 'i64'>(0xac, 'i64'),
  truncate: unary<'f64', 'i64'>(0xb0, 'i64'),
  extend32: unary<'i64', 'i64'>(0xc4, 'i64'),
} as const;

export const f64 = {
  const: (value: number): Code<'f64'> =>
    constant('f64', (sink) => {
      sink.byte(0x44);
      sink.double(value);
    }),
  load: load(0x2b, 3, 'f64'),
  store: store<'f64'>(0x39, 3),
  eq: binary<'f64', 'i32'>(0x61, 'i32'),
  ne: binary<'f64', 'i32'>(0x62, 'i32'),
  lt: binary<'f64', 'i32'>(0x63, 'i32'),
  gt: binary<'f64', 'i32'>(0x64, 'i32'),
  le: binary<'f64', 'i32'>(0x65, 'i32'),
  ge: binary<'f64', 'i32'>(0x66, 'i32'),
  abs: unary<'f64', 'f64'>(0x99, 'f64'),
  neg: unary<'f64', 'f64'>(0x9a, 'f64'),
  ceil: unary<'f64', 'f64'>(0x9b, 'f64'),
  floor: unary<'f64', 'f64'>(0x9c, 'f64'),
  trunc: unary<'f64', 'f64'>(0x9d, 'f64'),
  nearest: unary<'f64', 'f64'>(0x9e, 'f64'),
  sqrt: unary<'f64', 'f64'>(0x9f, 'f64'),
  add: binary<'f64', 'f64'>(0xa0, 'f64'),
  sub: binary<'f64', 'f64'>(0xa1, 'f64'),
  mul: binary<'f64', 'f64'>(0xa2, 'f64'),
  div: binary<'f64', 'f64'>(0xa3, 'f64'),
  convert32: unary<'i32', 'f64'>(0xb7, 'f64'),
  convert64: unary<'i64', 'f64'>(0xb9, 'f64'),
  /** To single precision and back: what float4 holds. */
  single: (value: Code<'f64'>): Code<'f64'> => ({
    type: 'f64',
    write: (sink) => {
      value.write(sink);
      sink.byte(0xb6);
      sink.byte(0xbb);
    },
  }),
} as const;

/** `condition ? yes : no`; all three are computed. */
export function select<Type extends ValueType>(yes: Code<Type>, no: Code<Type>, condition: Code<'i32'>): Code<Type> {
  return {
    type: yes.type,
    write: (sink) => {
      yes.write(sink);
      no.write(sink);
      condition.write(sink);
      sink.byte(0x1b);
    },
  };
}

/** Control instructions, section 5.4.1; 0x40 is the empty block type. */
export function block(label: Label, body: readonly Statement[]): Statement {
  return structured(0x02, label, body);
}

/** A branch to the label starts the body again. */
export function loop(label: Label, body: readonly Statement[]): Statement {
  return structured(0x03, label, body);
}

function structured(opcode: number, label: Label, body: readonly Statement[]): Statement {
  return {
    type: 'none',
    write: (sink) => {
      sink.byte(opcode);
      sink.byte(0x40);
      sink.nested(label, () => {
        for (const statement of body) statement.write(sink);
      });
      sink.byte(0x0b);
    },
  };
}

export function ifElse(condition: Code<'i32'>, yes: readonly Statement[], no: readonly Statement[] = []): Statement {
  return {
    type: 'none',
    write: (sink) => {
      condition.write(sink);
      sink.byte(0x04);
      sink.byte(0x40);
      sink.nested(undefined, () => {
        for (const statement of yes) statement.write(sink);
        if (no.length > 0) sink.byte(0x05);
        for (const statement of no) statement.write(sink);
      });
      sink.byte(0x0b);
    },
  };
}

export function branch(label: Label): Statement {
  return {
    type: 'none',
    write: (sink) => {
      sink.byte(0x0c);
      sink.unsigned(sink.depthOf(label));
    },
  };
}

export function branchIf(label: Label, condition: Code<'i32'>): Statement {
  return {
    type: 'none',
    write: (sink) => {
      condition.write(sink);
      sink.byte(0x0d);
      sink.unsigned(sink.depthOf(label));
    },
  };
}

/** Drops a value: a call for its effect. */
export function drop(value: Code<ValueType>): Statement {
  return {
    type: 'none',
    write: (sink) => {
      value.write(sink);
      sink.byte(0x1a);
    },
  };
}
