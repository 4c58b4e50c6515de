/** What waits for a time, µs; equal times in the order of `id`. */
export interface Timed {
  readonly id: number;
  /** When it is due; undefined while it waits for nothing. */
  due(): bigint | undefined;
  /** It need not be waited for any more. */
  readonly gone: boolean;
  /** The heap's own: where it stands in it. */
  waits: bigint | undefined;
}

interface Waiting<Item> {
  readonly at: bigint;
  readonly item: Item;
}

/**
 * Items by the time when they are due. A time that grows is looked at only when the old one comes: moving it costs nothing before.
 * An item whose time falls is to be added again.
 */
export class TimeHeap<Item extends Timed> {
  #waiting: Waiting<Item>[] = [];

  add(item: Item): void {
    const at = item.due();
    if (at === undefined || (item.waits !== undefined && item.waits <= at)) return;
    item.waits = at;
    this.#push({ at, item });
  }

  /** The earliest time at which an item is due; undefined when there is none. */
  next(): bigint | undefined {
    for (let top = this.#waiting[0]; top !== undefined; top = this.#waiting[0]) {
      const { at, item } = top;
      const stands = !item.gone && item.waits === at;
      if (stands && item.due() === at) return at;
      this.#pop();
      if (!stands) continue;
      item.waits = undefined;
      this.add(item);
    }
    return undefined;
  }

  /** Takes out all that is due before a time, in order. */
  takeBefore(time: bigint): Item[] {
    const taken: Item[] = [];
    for (let next = this.next(); next !== undefined && next < time; next = this.next()) {
      const { item } = this.#pop();
      item.waits = undefined;
      taken.push(item);
    }
    return taken;
  }

  clear(): void {
    this.#waiting = [];
  }

  #isBefore(a: Waiting<Item>, b: Waiting<Item>): boolean {
    return a.at < b.at || (a.at === b.at && a.item.id < b.item.id);
  }

  #push(added: Waiting<Item>): void {
    const heap = this.#waiting;
    let at = heap.push(added) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(added, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = added;
  }

  #pop(): Waiting<Item> {
    const heap = this.#waiting;
    const top = heap[0]!;
    const moved = heap.pop()!;
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#isBefore(heap[child]!, moved)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = moved;
    return top;
  }
}
