import { textOf, utf8 } from '../../base/bytes.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { DeadLetter } from '../../log/dead-letter.ts';
import { DEAD_LETTER_VALUE_BYTES_MAX } from '../limits.ts';
import { weightOf } from '../operator/column-access.ts';
import { jsonReader } from '../operator/json-column.ts';
import type { RowLetter } from '../operator/operator.ts';
import type { Vertex } from './compile.ts';

const NOTHING = new Uint8Array(0);

/** The dead letter of a row: with its bytes as they stand in the log or, for a row that an operator made, as JSON. */
export function deadLetterOf(
  kernel: Kernel,
  vertex: Vertex,
  letter: RowLetter,
  from: { readonly pipeline: string; readonly clockMs: number },
): DeadLetter {
  const { batch, row, reason, message } = letter;
  const { origin } = batch;
  const bytes = (origin?.value(row) ?? rowText(kernel, vertex, letter)).subarray(0, DEAD_LETTER_VALUE_BYTES_MAX);
  const isRetracted = weightOf(kernel, batch, row) < 0;
  return {
    topic: origin?.source.topic ?? from.pipeline,
    ...(origin && { partition: origin.partition, offset: origin.offset(row) }),
    reason,
    message,
    pipeline: from.pipeline,
    operator: vertex.id,
    receivedAt: origin?.timestamp(row) ?? from.clockMs,
    ...(isRetracted && { retracts: true }),
    ...textOrBase64(bytes),
  };
}

function rowText(kernel: Kernel, vertex: Vertex, { batch, row, input = 0, columns: own }: RowLetter): Uint8Array {
  const columns = own ?? vertex.inputs[input]?.node?.columns ?? [];
  if (batch.columns.length !== columns.length) return NOTHING;
  const values = columns.map(({ name, type }, at) => {
    return `${JSON.stringify(name)}:${jsonReader(kernel, type)(batch.columns[at]!, row)}`;
  });
  return utf8(`{${values.join(',')}}`);
}

function textOrBase64(bytes: Uint8Array): { value: string } | { base64: string } {
  try {
    return { value: textOf(bytes) };
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}
