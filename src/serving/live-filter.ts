import { LIVE_FILTER_KEYS_MAX } from './limits.ts';
import type { JsonRow, LiveFrame } from './serving.ts';
import type { TopicRecord } from './topic-record.ts';

/** True for the rows that a subscriber wants. */
export type RowPredicate = (row: JsonRow) => boolean;

/**
 * Picks the frames of one subscriber. A row that no longer satisfies the predicate is a `delete` for whoever holds it;
 * for that the keys that were sent are remembered, up to {@link LIVE_FILTER_KEYS_MAX}; when they are not known
 * (beyond that, or after a resume) a delete is sent to be safe: deleting what is not there changes nothing.
 */
export class LiveFilter {
  readonly #predicate: RowPredicate | undefined;
  readonly #held = new Set<string>();
  #heldIsComplete: boolean;

  constructor(predicate: RowPredicate | undefined, resumed: boolean) {
    this.#predicate = predicate;
    this.#heldIsComplete = !resumed;
  }

  /** Whether a row of the snapshot is wanted. */
  snapshot(record: TopicRecord): boolean {
    const row = record.row();
    if (this.#predicate === undefined || row === null) return true;
    const wanted = this.#predicate(row);
    if (wanted) this.#hold(record.key);
    return wanted;
  }

  /** The frame that a change means to this subscriber, if any. */
  change(record: TopicRecord): LiveFrame | undefined {
    const frame = record.frame();
    if (this.#predicate === undefined) return frame;
    if (frame.op === 'append') return frame.row !== null && this.#predicate(frame.row) ? frame : undefined;
    if (frame.row !== null && this.#predicate(frame.row)) {
      this.#hold(frame.key);
      return frame;
    }
    const mayBeHeld = this.#held.delete(frame.key ?? '') || !this.#heldIsComplete;
    return mayBeHeld ? { op: 'delete', key: frame.key, row: null, offset: frame.offset } : undefined;
  }

  #hold(key: string | null): void {
    if (!this.#heldIsComplete) return;
    this.#held.add(key ?? '');
    if (this.#held.size <= LIVE_FILTER_KEYS_MAX) return;
    this.#held.clear();
    this.#heldIsComplete = false;
  }
}
