/** What waits for a time, µs; equal times in the order of `id`. */
export interface Timed {
  readonly id: number;
  /** When it is due; may grow while it waits. */
  due(): bigint;
  /** It need not be waited for any more. */
  readonly gone: boolean;
}

interface Waiting<Item> {
  readonly at: bigint;
  readonly item: Item;
}

/** Items by the time when they are due. A time that grows is looked at only when the old one comes: moving it costs nothing before. */
export class TimeHeap<Item extends Timed> {
  #waiting: Waiting<Item>[] = [];

  add(item: Item): void {
    this.#push({ at: item.due(), item });
  }

  /** The earliest time at which an item is due; undefined when there is none. */
  next(): bigint | undefined {
    for (let top = this.#waiting[0]; top !== undefined; top = this.#waiting[0]) {
      if (!top.item.gone && top.item.due() === top.at) return top.at;
      this.#pop();
      if (!top.item.gone) this.add(top.item);
    }
    return undefined;
  }

  /** Takes out all that is due before a time, in order. */
  takeBefore(time: bigint): Item[] {
    const taken: Item[] = [];
    for (let next = this.next(); next !== undefined && next < time; next = this.next()) taken.push(this.#pop().item);
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
