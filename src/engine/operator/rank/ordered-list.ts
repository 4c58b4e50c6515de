/** Items of a leaf, and children of a branch, at most: small enough that moving them costs less than finding them. */
const NODE_ITEMS_MAX = 64;
/** A node with fewer is joined with a neighbour where both fit. */
const NODE_ITEMS_MIN = 16;

interface Leaf<Item> {
  readonly items: Item[];
}

interface Branch<Item> {
  readonly children: Tree<Item>[];
  /** Nothing in the child is below its bound; it may be an item that has gone. That of the first child is not looked at. */
  readonly bounds: Item[];
  size: number;
}

type Tree<Item> = Leaf<Item> | Branch<Item>;

/**
 * Items in a total order, with their positions: a B+ tree that counts (Bayer and McCreight, 1972; order statistics as in Cormen et
 * al., chapter 14). Inserting, removing, and going from item to position and back take O(log n); up to 64 items are one array.
 */
export class OrderedList<Item> {
  /** Never 0 for two different items. */
  readonly compare: (a: Item, b: Item) => number;
  #root: Tree<Item> = { items: [] };

  constructor(compare: (a: Item, b: Item) => number) {
    this.compare = compare;
  }

  get size(): number {
    return sizeOf(this.#root);
  }

  /** The item at a position; undefined outside. */
  at(position: number): Item | undefined {
    if (position < 0) return undefined;
    let node = this.#root;
    let rest = position;
    while (!('items' in node)) {
      let child = 0;
      while (child < node.children.length - 1 && rest >= sizeOf(node.children[child]!)) {
        rest -= sizeOf(node.children[child++]!);
      }
      node = node.children[child]!;
    }
    return node.items[rest];
  }

  /** Items before the first for which `probe` is not negative; `probe` must not fall along the order. */
  countBefore(probe: (item: Item) => number): number {
    let node = this.#root;
    let before = 0;
    while (!('items' in node)) {
      const child = lastBelow(node.bounds, probe);
      for (let i = 0; i < child; i++) before += sizeOf(node.children[i]!);
      node = node.children[child]!;
    }
    return before + firstNotBelow(node.items, probe);
  }

  /** Items before this one, which need not be among them. */
  positionOf(item: Item): number {
    return this.countBefore((other) => this.compare(other, item));
  }

  /** Puts an item in; returns its position. */
  insert(item: Item): number {
    const probe = (other: Item): number => this.compare(other, item);
    const root = this.#root;
    if ('items' in root && root.items.length < NODE_ITEMS_MAX) {
      const at = firstNotBelow(root.items, probe);
      root.items.splice(at, 0, item);
      return at;
    }
    const position = insertInto(root, item, probe);
    const right = splitOf(root);
    if (right !== undefined) {
      const bounds = [firstOf(root), firstOf(right)];
      this.#root = { children: [root, right], bounds, size: sizeOf(root) + sizeOf(right) };
    }
    return position;
  }

  /** Takes an item out; returns the position that it had, or -1 when it is not there. */
  remove(item: Item): number {
    const position = this.positionOf(item);
    if (this.at(position) !== item) return -1;
    this.removeAt(position);
    return position;
  }

  /** Takes out the item at a position, which must exist. */
  removeAt(position: number): Item {
    const item = removeFrom(this.#root, position);
    while (!('items' in this.#root) && this.#root.children.length === 1) this.#root = this.#root.children[0]!;
    return item;
  }

  /** Calls back for the items from a position on, until it answers false. The list must not change meanwhile. */
  forEachFrom(position: number, visit: (item: Item, position: number) => boolean | undefined): void {
    walk(this.#root, position, 0, visit);
  }

  *[Symbol.iterator](): Generator<Item> {
    for (let at = 0; at < this.size; at++) yield this.at(at)!;
  }
}

function sizeOf<Item>(node: Tree<Item>): number {
  return 'items' in node ? node.items.length : node.size;
}

function firstOf<Item>(node: Tree<Item>): Item {
  let first = node;
  while (!('items' in first)) first = first.children[0]!;
  return first.items[0]!;
}

function firstNotBelow<Item>(items: readonly Item[], probe: (item: Item) => number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (probe(items[middle]!) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The last child whose bound is below; the first when none is. */
function lastBelow<Item>(bounds: readonly Item[], probe: (item: Item) => number): number {
  let low = 1;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (probe(bounds[middle]!) < 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function insertInto<Item>(node: Tree<Item>, item: Item, probe: (item: Item) => number): number {
  if ('items' in node) {
    const at = firstNotBelow(node.items, probe);
    node.items.splice(at, 0, item);
    return at;
  }
  const child = lastBelow(node.bounds, probe);
  let before = 0;
  for (let i = 0; i < child; i++) before += sizeOf(node.children[i]!);
  const at = insertInto(node.children[child]!, item, probe);
  node.size++;
  const right = splitOf(node.children[child]!);
  if (right !== undefined) {
    node.children.splice(child + 1, 0, right);
    node.bounds.splice(child + 1, 0, firstOf(right));
  }
  return before + at;
}

/** The second part of a node that has become too large, taken from it. What grows at its end leaves a full node behind. */
function splitOf<Item>(node: Tree<Item>): Tree<Item> | undefined {
  if ('items' in node) {
    if (node.items.length <= NODE_ITEMS_MAX) return undefined;
    return { items: node.items.splice(NODE_ITEMS_MAX - NODE_ITEMS_MIN) };
  }
  if (node.children.length <= NODE_ITEMS_MAX) return undefined;
  const children = node.children.splice(NODE_ITEMS_MAX >>> 1);
  const bounds = node.bounds.splice(NODE_ITEMS_MAX >>> 1);
  const size = children.reduce((sum, child) => sum + sizeOf(child), 0);
  node.size -= size;
  return { children, bounds, size };
}

function removeFrom<Item>(node: Tree<Item>, position: number): Item {
  if ('items' in node) return node.items.splice(position, 1)[0]!;
  let child = 0;
  let rest = position;
  while (rest >= sizeOf(node.children[child]!)) rest -= sizeOf(node.children[child++]!);
  const item = removeFrom(node.children[child]!, rest);
  node.size--;
  joinAround(node, child);
  return item;
}

/** Joins a child that has become small with a neighbour, if one node holds both. */
function joinAround<Item>(node: Branch<Item>, child: number): void {
  if (widthOf(node.children[child]!) >= NODE_ITEMS_MIN || node.children.length === 1) return;
  const left = child > 0 ? child - 1 : child;
  const [a, b] = [node.children[left]!, node.children[left + 1]!];
  if (widthOf(a) + widthOf(b) > NODE_ITEMS_MAX) return;
  if ('items' in a && 'items' in b) a.items.push(...b.items);
  else if (!('items' in a || 'items' in b)) {
    a.children.push(...b.children);
    // The first bound of a branch is not kept right: the parent's is.
    a.bounds.push(node.bounds[left + 1]!, ...b.bounds.slice(1));
    a.size += b.size;
  }
  node.children.splice(left + 1, 1);
  node.bounds.splice(left + 1, 1);
}

function widthOf<Item>(node: Tree<Item>): number {
  return 'items' in node ? node.items.length : node.children.length;
}

function walk<Item>(
  node: Tree<Item>,
  from: number,
  base: number,
  visit: (item: Item, position: number) => boolean | undefined,
): boolean {
  if ('items' in node) {
    for (let at = Math.max(0, from); at < node.items.length; at++) {
      if (visit(node.items[at]!, base + at) === false) return false;
    }
    return true;
  }
  let before = 0;
  for (const child of node.children) {
    const size = sizeOf(child);
    if (from < before + size && !walk(child, from - before, base + before, visit)) return false;
    before += size;
  }
  return true;
}
