import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { messageOf } from '../../../base/error.ts';
import { compileExpression } from '../../../plan/evaluate.ts';
import type { ValuesNode } from '../../../plan/node.ts';
import { WATERMARK_MAX } from '../batch.ts';
import type { Operator, OperatorContext } from '../operator.ts';
import { batchOfValues, RowEmitter } from '../row-batch.ts';
import { callsUserFunction, type ExpressionContext } from '../row-evaluator.ts';

/** Rows of constants: emitted once, in the first epoch. They have no event time, and hold nobody's back. */
export class ValuesOperator implements Operator {
  readonly #node: ValuesNode;
  readonly #expressions: ExpressionContext;
  #context: OperatorContext | undefined;
  #done = false;

  constructor(node: ValuesNode, expressions: ExpressionContext) {
    this.#node = node;
    this.#expressions = expressions;
  }

  open(context: OperatorContext): void {
    this.#context = context;
  }

  processBatch(): void {}

  endEpoch(): void {
    if (this.#done) return;
    this.#done = true;
    const { rows, columns } = this.#node;
    const emitter = new RowEmitter(this.#context!.kernel, columns, this.#context!.emit);
    const nowUs = BigInt(this.#context!.clockMs()) * 1000n;
    const evaluation = { nowUs, userFunction: this.#expressions.userFunction };
    for (const row of rows) {
      try {
        emitter.add(
          row.map((expression) => compileExpression(expression, evaluation)([])),
          1,
        );
      } catch (error) {
        this.#refuse(row.some(callsUserFunction), error);
      }
    }
    emitter.flush();
  }

  #refuse(isUser: boolean, error: unknown): void {
    const { kernel, deadLetter } = this.#context!;
    const batch = batchOfValues(kernel, [], { values: [[]] });
    deadLetter({
      reason: isUser ? 'user-function' : 'expression',
      message: `values: ${messageOf(error)}`,
      batch,
      row: 0,
    });
  }

  /** An epoch is to run for them even if no input ever comes. */
  nextClockMs(): number | undefined {
    return this.#done ? undefined : 0;
  }

  outputWatermark(watermark: bigint): bigint {
    return this.#done ? WATERMARK_MAX : watermark;
  }

  onWatermark(): void {}

  nextTimer(): bigint | undefined {
    return undefined;
  }

  snapshot(writer: ByteWriter): void {
    writer.u8(this.#done ? 1 : 0);
  }

  restore(reader: ByteReader): void {
    this.#done = reader.u8() === 1;
  }

  close(): void {}

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: 0, bytes: 0 };
  }
}
