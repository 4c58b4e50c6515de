import { type FunctionOverload, overload } from './overload.ts';

/** Bit operators of the integer types; a shift by the width of the type or more goes round, as in PostgreSQL on most machines. */
export const BITWISE: readonly FunctionOverload[] = [...ofNumbers('int2'), ...ofNumbers('int4'), ...ofBigInts()];

function ofNumbers(kind: 'int2' | 'int4'): FunctionOverload[] {
  const two = [kind, kind] as const;
  const fit = kind === 'int2' ? (value: number) => (value << 16) >> 16 : (value: number) => value | 0;
  return [
    overload('bitwise_and', two, kind, (a: number, b: number) => a & b),
    overload('bitwise_or', two, kind, (a: number, b: number) => a | b),
    overload('bitwise_xor', two, kind, (a: number, b: number) => a ^ b),
    overload('bitwise_not', [kind], kind, (a: number) => ~a),
    overload('shift_left', [kind, 'int4'], kind, (a: number, b: number) => fit(a << b)),
    overload('shift_right', [kind, 'int4'], kind, (a: number, b: number) => fit(a >> b)),
  ];
}

function ofBigInts(): FunctionOverload[] {
  const two = ['int8', 'int8'] as const;
  const by = (bits: number): bigint => BigInt(bits & 63);
  return [
    overload('bitwise_and', two, 'int8', (a: bigint, b: bigint) => a & b),
    overload('bitwise_or', two, 'int8', (a: bigint, b: bigint) => a | b),
    overload('bitwise_xor', two, 'int8', (a: bigint, b: bigint) => a ^ b),
    overload('bitwise_not', ['int8'], 'int8', (a: bigint) => ~a),
    overload('shift_left', ['int8', 'int4'], 'int8', (a: bigint, b: number) => BigInt.asIntN(64, a << by(b))),
    overload('shift_right', ['int8', 'int4'], 'int8', (a: bigint, b: number) => a >> by(b)),
  ];
}
