/** Items of a leaf, or children of a branch, at most. */
const WIDTH_MAX = 64;
/** Two neighbours that fit into this together become one. */
const MERGED_MAX = WIDTH_MAX / 2;

interface Leaf<Item> {
  readonly items: Item[];
  weight: number;
}

interface Branch<Item> {
  readonly children: Node<Item>[];
  /** From the second on: not above any item of the child, and above all items of the child before. */
  readonly bounds: (Item | undefined)[];
  weight: number;
}

type Node<Item> = Leaf<Item> | Branch<Item>;

/** What a tree holds: `count` is how many times. */
export interface Counted {
  count: number;
}

/**
 * Items in order, found by their order and by their rank: a B+ tree that knows how much lies below each node (R. Bayer and
 * E. McCreight, "Organization and Maintenance of Large Ordered Indexes", 1972; ranks as in D. Knuth, "The Art of Computer
 * Programming", volume 3, section 6.2.3). Every change and look-up is logarithmic.
 */
export class CountedTree<Item extends Counted> {
  readonly #order: (a: Item, b: Item) => number;
  #root: Node<Item> = { items: [], weight: 0 };
  #size = 0;

  constructor(order: (a: Item, b: Item) => number) {
    this.#order = order;
  }

  /** Different items. */
  get size(): number {
    return this.#size;
  }

  /** Sum of the counts. */
  get weight(): number {
    return this.#root.weight;
  }

  /** The item that is equal to `probe` in order. */
  find(probe: Item): Item | undefined {
    let node = this.#root;
    while ('children' in node) node = node.children[this.#childOf(node, probe)]!;
    const at = this.#positionIn(node, probe);
    const found = node.items[at];
    return found !== undefined && this.#order(found, probe) === 0 ? found : undefined;
  }

  /** Puts in an item that is equal to none. */
  insert(item: Item): void {
    const split = this.#insert(this.#root, item);
    this.#size++;
    if (split === undefined) return;
    const left = this.#root;
    this.#root = {
      children: [left, split.node],
      bounds: [undefined, split.bound],
      weight: left.weight + split.node.weight,
    };
  }

  /** Takes out an item that is in it. */
  remove(item: Item): void {
    this.#remove(this.#root, item);
    this.#size--;
    while ('children' in this.#root && this.#root.children.length === 1) this.#root = this.#root.children[0]!;
    if (widthOf(this.#root) === 0) this.#root = { items: [], weight: 0 };
  }

  /** Changes the count of an item that is in it. */
  addCount(item: Item, change: number): void {
    let node = this.#root;
    for (;;) {
      node.weight += change;
      if (!('children' in node)) break;
      node = node.children[this.#childOf(node, item)]!;
    }
    item.count += change;
  }

  /** The item that holds the place `rank` (from 0) when each is there as often as it counts; undefined beyond the last. */
  at(rank: number): Item | undefined {
    let left = rank;
    let node = this.#root;
    if (left < 0 || left >= node.weight) return undefined;
    while ('children' in node) {
      let child = 0;
      while (left >= node.children[child]!.weight) left -= node.children[child++]!.weight;
      node = node.children[child]!;
    }
    for (const item of node.items) {
      if (left < item.count) return item;
      left -= item.count;
    }
    return undefined;
  }

  first(): Item | undefined {
    let node = this.#root;
    while ('children' in node) node = node.children[0]!;
    return node.items[0];
  }

  last(): Item | undefined {
    let node = this.#root;
    while ('children' in node) node = node.children.at(-1)!;
    return node.items.at(-1);
  }

  /** In order. */
  forEach(visit: (item: Item) => void): void {
    const walk = (node: Node<Item>): void => {
      if ('children' in node) for (const child of node.children) walk(child);
      else for (const item of node.items) visit(item);
    };
    walk(this.#root);
  }

  /** The last child whose bound is not above the item. */
  #childOf({ bounds }: Branch<Item>, item: Item): number {
    let low = 0;
    let high = bounds.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#order(bounds[middle]!, item) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The first position whose item is not below. */
  #positionIn({ items }: Leaf<Item>, item: Item): number {
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#order(items[middle]!, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The upper part of the node and its bound, when it grew too wide. */
  #insert(node: Node<Item>, item: Item): { readonly node: Node<Item>; readonly bound: Item } | undefined {
    node.weight += item.count;
    if (!('children' in node)) {
      node.items.splice(this.#positionIn(node, item), 0, item);
      return node.items.length > WIDTH_MAX ? splitLeaf(node) : undefined;
    }
    const at = this.#childOf(node, item);
    const split = this.#insert(node.children[at]!, item);
    if (split === undefined) return undefined;
    node.children.splice(at + 1, 0, split.node);
    node.bounds.splice(at + 1, 0, split.bound);
    return node.children.length > WIDTH_MAX ? splitBranch(node) : undefined;
  }

  #remove(node: Node<Item>, item: Item): void {
    node.weight -= item.count;
    if (!('children' in node)) {
      node.items.splice(this.#positionIn(node, item), 1);
      return;
    }
    const at = this.#childOf(node, item);
    const child = node.children[at]!;
    this.#remove(child, item);
    if (widthOf(child) === 0) {
      node.children.splice(at, 1);
      node.bounds.splice(at, 1);
    } else if (node.children.length > 1) mergeInto(node, Math.min(at, node.children.length - 2));
  }
}

function splitLeaf<Item extends Counted>(leaf: Leaf<Item>): { node: Node<Item>; bound: Item } {
  const items = leaf.items.splice(leaf.items.length >> 1);
  const weight = items.reduce((sum, item) => sum + item.count, 0);
  leaf.weight -= weight;
  return { node: { items, weight }, bound: items[0]! };
}

function splitBranch<Item>(branch: Branch<Item>): { node: Node<Item>; bound: Item } {
  const half = branch.children.length >> 1;
  const children = branch.children.splice(half);
  const bounds = branch.bounds.splice(half);
  const weight = children.reduce((sum, child) => sum + child.weight, 0);
  branch.weight -= weight;
  return { node: { children, bounds, weight }, bound: bounds[0]! };
}

function widthOf<Item>(node: Node<Item>): number {
  return 'children' in node ? node.children.length : node.items.length;
}

/** Makes one of the children at `at` and `at + 1` when both are small. */
function mergeInto<Item>(parent: Branch<Item>, at: number): void {
  const left = parent.children[at]!;
  const right = parent.children[at + 1]!;
  if (widthOf(left) + widthOf(right) > MERGED_MAX) return;
  if ('children' in left && 'children' in right) {
    left.children.push(...right.children);
    left.bounds.push(parent.bounds[at + 1], ...right.bounds.slice(1));
  } else if ('items' in left && 'items' in right) left.items.push(...right.items);
  left.weight += right.weight;
  parent.children.splice(at + 1, 1);
  parent.bounds.splice(at + 1, 1);
}
