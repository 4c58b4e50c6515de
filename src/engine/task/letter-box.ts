import { DEAD_LETTER_TOPIC } from '../../log/dead-letter.ts';
import { RecordSink } from '../operator/record-sink.ts';

/** A dead letter of the epoch, and what its place among them follows from. */
export interface Letter {
  /** Position of the input that the row came from; -1 for a row that several made. */
  readonly input: number;
  readonly offset: number;
  /** Place of the operator in the pipeline. */
  readonly vertex: number;
  readonly value: Uint8Array;
}

/**
 * Dead letters of one epoch. They are written by input, offset and operator, not as they come: how rows are cut into batches
 * may differ in a replay.
 */
export class LetterBox {
  readonly #sink = new RecordSink(DEAD_LETTER_TOPIC);
  #letters: Letter[] = [];

  add(letter: Letter): void {
    this.#letters.push(letter);
  }

  /** Ends the epoch: what was put in, in order. */
  empty(clockMs: number): RecordSink {
    this.#letters.sort((a, b) => a.input - b.input || a.offset - b.offset || a.vertex - b.vertex);
    for (const { value } of this.#letters) this.#sink.write({ key: null, value }, clockMs);
    this.#letters = [];
    return this.#sink;
  }
}
