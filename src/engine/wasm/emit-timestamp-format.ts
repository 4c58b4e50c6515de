import { HeadraceError } from '../../base/error.ts';
import type { CallExpression } from '../../plan/expression.ts';
import { type FormatPiece, formatPieces } from '../../plan/value/timestamp-format.ts';
import { emitStrict } from './emit-strict.ts';
import { dayOf, floorTo } from './emit-time.ts';
import type { Emitter } from './emitter.ts';
import { type Code, i32, i64, select } from './instruction.ts';
import { asI64, notCompilable, ONE, type Operand, textOperand, ZERO } from './operand.ts';

const MICROS_PER_DAY = 86_400_000_000n;
/** More than any pattern writes. */
const PATTERN_BYTES_MAX = 6;
const FIELD = { day: 0, month: 1, year: 2, quarter: 3, dow: 4, doy: 6 } as const;

/** `to_char(timestamp, constant format)` with patterns that are numbers; years outside of 1 to 9999 are left to the interpreter. */
export function emitTimestampFormat(emitter: Emitter, call: CallExpression): Operand {
  const [stamp, format] = call.args;
  if (format?.kind !== 'literal' || typeof format.value !== 'string') return notCompilable('a format that varies');
  const pieces = piecesOf(format.value);
  return emitStrict(emitter, [stamp!], (inner, [operand]) => {
    const fields = new StampFields(inner, asI64(operand!));
    const numbers = pieces.map((piece) => (piece.kind === 'text' ? undefined : fields.numberOf(piece.name)));
    const bytes = pieces.reduce((sum, piece) => sum + sizeOf(piece), 0);
    inner.callInto('writeBegin', [i32.const(bytes)]);
    pieces.forEach((piece, at) => {
      const number = numbers[at];
      if (number !== undefined) inner.callInto('writePadded', [number.value, i32.const(number.width)]);
      else if (piece.kind === 'text') inner.callInto('writeText', [inner.text(Buffer.from(piece.text, 'utf8'))]);
    });
    const out = inner.reference();
    inner.callInto('writeEnd', [out]);
    return textOperand(out, undefined);
  });
}

function piecesOf(format: string): readonly FormatPiece[] {
  try {
    return formatPieces(format);
  } catch (error) {
    if (error instanceof HeadraceError) return notCompilable('a format that is refused');
    throw error;
  }
}

function sizeOf(piece: FormatPiece): number {
  return piece.kind === 'text' ? Buffer.byteLength(piece.text) : PATTERN_BYTES_MAX;
}

interface PaddedNumber {
  readonly value: Code<'i32'>;
  readonly width: number;
}

/** Fields of a timestamp, as numbers with a width. */
class StampFields {
  readonly #emitter: Emitter;
  readonly #stamp: Code<'i64'>;
  #day: Code<'i32'> | undefined;
  #time: Code<'i64'> | undefined;

  constructor(emitter: Emitter, stamp: Code<'i64'>) {
    this.#emitter = emitter;
    this.#stamp = stamp;
  }

  numberOf(pattern: string): PaddedNumber {
    switch (pattern) {
      case 'YYYY':
        return { value: this.#year(), width: 4 };
      case 'YY':
        return { value: i32.rem(this.#year(), i32.const(100)), width: 2 };
      case 'MM':
        return { value: this.#dateField(FIELD.month), width: 2 };
      case 'DDD':
        return { value: this.#dateField(FIELD.doy), width: 3 };
      case 'DD':
        return { value: this.#dateField(FIELD.day), width: 2 };
      case 'D':
        return { value: i32.add(this.#dateField(FIELD.dow), ONE), width: 1 };
      case 'Q':
        return { value: this.#dateField(FIELD.quarter), width: 1 };
      case 'HH24':
        return { value: this.#timeField(3_600_000_000n, 24n), width: 2 };
      case 'HH12':
      case 'HH': {
        const half = this.#emitter.keep(i32.rem(this.#timeField(3_600_000_000n, 24n), i32.const(12)));
        return { value: select(half, i32.const(12), i32.ne(half, ZERO)), width: 2 };
      }
      case 'MI':
        return { value: this.#timeField(60_000_000n, 60n), width: 2 };
      case 'SS':
        return { value: this.#timeField(1_000_000n, 60n), width: 2 };
      case 'MS':
        return { value: this.#timeField(1000n, 1000n), width: 3 };
      case 'US':
        return { value: this.#timeField(1n, 1_000_000n), width: 6 };
      default:
        return notCompilable(`the pattern ${pattern}`);
    }
  }

  #year(): Code<'i32'> {
    const year = this.#dateField(FIELD.year);
    this.#emitter.bailIf(i32.or(i32.lt(year, ONE), i32.gt(year, i32.const(9999))));
    return year;
  }

  #dateField(field: number): Code<'i32'> {
    this.#day ??= this.#emitter.keep(i32.wrap(dayOf(this.#emitter, this.#stamp)));
    return this.#emitter.keep(this.#emitter.call('dateField', [this.#day, i32.const(field)], 'i32'));
  }

  /** How often a unit fits into the time of the day, up to the next larger unit. */
  #timeField(unit: bigint, of: bigint): Code<'i32'> {
    this.#time ??= this.#emitter.keep(i64.sub(this.#stamp, floorTo(this.#emitter, this.#stamp, MICROS_PER_DAY)));
    return this.#emitter.keep(i32.wrap(i64.rem(i64.div(this.#time, i64.const(unit)), i64.const(of))));
  }
}
