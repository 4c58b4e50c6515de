import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { Answer, Ask, Effect } from './effect.ts';

/** The calls of one row, and what they came to. Rows that may be taken back share it with the row that takes them back. */
export interface Slot {
  readonly id: number;
  /** By call; undefined: not yet. */
  readonly answers: (Answer | undefined)[];
  /** Arguments of the calls that have no answer yet. */
  readonly args: (readonly (string | null)[] | undefined)[];
}

/** What is to be called for one row: arguments, or the answer at once. */
export type Question = { readonly args: readonly (string | null)[] } | { readonly answer: Answer };

export function isAnswered(slot: Slot): boolean {
  return slot.answers.every((answer) => answer !== undefined);
}

/** Calls in flight by row. A pure function of the rows and the effects that enter. */
export class AnswerSlots {
  #next = 0;
  readonly #open = new Map<number, Slot>();
  /** Calls that nobody was asked yet. */
  #unasked: Slot[] = [];

  make(questions: readonly Question[]): Slot {
    const id = this.#next++;
    const answers = questions.map((question) => ('answer' in question ? question.answer : undefined));
    const args = questions.map((question) => ('args' in question ? question.args : undefined));
    const slot: Slot = { id, answers, args };
    this.#track(slot);
    return slot;
  }

  /** The number that the next slot gets. */
  get next(): number {
    return this.#next;
  }

  #track(slot: Slot): void {
    if (isAnswered(slot)) return;
    this.#open.set(slot.id, slot);
    this.#unasked.push(slot);
  }

  /** False for an answer that nobody waits for. */
  answer([id, call, answer]: Effect): boolean {
    const slot = this.#open.get(id);
    if (slot === undefined || call >= slot.answers.length || slot.answers[call] !== undefined) return false;
    slot.answers[call] = answer;
    slot.args[call] = undefined;
    if (isAnswered(slot)) this.#open.delete(id);
    return true;
  }

  /** Hands out each open call once. */
  asks(): readonly Ask[] {
    const asks: Ask[] = [];
    for (const slot of this.#unasked) {
      slot.args.forEach((args, call) => {
        if (args !== undefined) asks.push({ slot: slot.id, call, args });
      });
    }
    this.#unasked = [];
    return asks;
  }

  write(writer: ByteWriter, slots: Iterable<Slot>): void {
    writer.u64(this.#next);
    const all = [...slots];
    writer.varint(all.length);
    for (const { id, answers, args } of all)
      writer.text(JSON.stringify([id, answers.map((a) => (a === undefined ? 0 : a)), args]));
  }

  /** The slots by number; their open calls are to be asked again. */
  read(reader: ByteReader): ReadonlyMap<number, Slot> {
    this.#next = reader.u64();
    this.#open.clear();
    this.#unasked = [];
    const slots = new Map<number, Slot>();
    for (let count = reader.unsigned(); count > 0; count--) {
      const [id, answers, args] = JSON.parse(reader.text()) as [number, (Answer | 0)[], ((string | null)[] | null)[]];
      const slot: Slot = {
        id,
        answers: answers.map((answer) => (answer === 0 ? undefined : answer)),
        args: args.map((given) => given ?? undefined),
      };
      slots.set(id, slot);
      this.#track(slot);
    }
    return slots;
  }
}
