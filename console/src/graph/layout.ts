/**
 * Layered drawing of a directed graph, left to right (Sugiyama, Tagawa and Toda, 1981): layers by longest path,
 * invisible nodes where an edge passes a layer, fewer crossings by barycentre sweeps, then rows pulled towards their
 * neighbours. Deterministic: the same graph is always drawn the same way, so that nothing jumps between two refreshes.
 */

export interface GraphNode {
  readonly id: string;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
}

export interface LayoutOptions {
  readonly nodeWidth: number;
  readonly nodeHeight: number;
  readonly layerGap: number;
  readonly rowGap: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface PlacedNode {
  readonly id: string;
  readonly layer: number;
  /** Top left corner. */
  readonly x: number;
  readonly y: number;
}

export interface PlacedEdge {
  readonly from: string;
  readonly to: string;
  /** From the right side of `from` to the left side of `to`. */
  readonly points: readonly Point[];
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
}

/** Sweeps over the layers, each forwards or backwards; more changes nothing on graphs of the size of a pipeline. */
const ORDER_SWEEPS_MAX = 12;
const ALIGN_SWEEPS_MAX = 16;

/** A node, or the place where a long edge passes a layer. */
interface Cell {
  readonly id: string;
  readonly layer: number;
  readonly real: boolean;
  readonly before: Cell[];
  readonly after: Cell[];
  order: number;
  y: number;
}

interface Chain {
  readonly edge: GraphEdge;
  readonly cells: readonly Cell[];
}

export function layoutGraph(nodes: readonly GraphNode[], edges: readonly GraphEdge[], options: LayoutOptions): Layout {
  const ids = new Set(nodes.map((node) => node.id));
  const known = edges.filter((edge) => ids.has(edge.from) && ids.has(edge.to) && edge.from !== edge.to);
  const forward = withoutCycles(nodes, known);
  const layerOf = layersOf(nodes, forward);
  const { layers, chains } = cellsOf(nodes, forward, layerOf);
  orderCells(layers);
  placeRows(layers, options);
  return drawn(layers, chains, options);
}

/** The edges without those that close a cycle (found depth first, in the order given). */
export function withoutCycles(nodes: readonly GraphNode[], edges: readonly GraphEdge[]): GraphEdge[] {
  const outgoing = new Map<string, GraphEdge[]>(nodes.map((node) => [node.id, []]));
  for (const edge of edges) outgoing.get(edge.from)?.push(edge);
  const state = new Map<string, 'open' | 'done'>();
  const back = new Set<GraphEdge>();
  const visit = (id: string): void => {
    state.set(id, 'open');
    for (const edge of outgoing.get(id) ?? []) {
      const seen = state.get(edge.to);
      if (seen === 'open') back.add(edge);
      else if (seen === undefined) visit(edge.to);
    }
    state.set(id, 'done');
  };
  for (const node of nodes) if (!state.has(node.id)) visit(node.id);
  return edges.filter((edge) => !back.has(edge));
}

/** Longest path from a node without inputs; then nodes that only feed later layers move next to what they feed. */
function layersOf(nodes: readonly GraphNode[], edges: readonly GraphEdge[]): Map<string, number> {
  const layer = new Map<string, number>(nodes.map((node) => [node.id, 0]));
  for (let round = 0, changed = true; changed && round <= nodes.length; round += 1) {
    changed = false;
    for (const edge of edges) {
      const least = (layer.get(edge.from) ?? 0) + 1;
      if ((layer.get(edge.to) ?? 0) < least) {
        layer.set(edge.to, least);
        changed = true;
      }
    }
  }
  return layer;
}

function cellsOf(
  nodes: readonly GraphNode[],
  edges: readonly GraphEdge[],
  layerOf: ReadonlyMap<string, number>,
): { layers: Cell[][]; chains: Chain[] } {
  const layers: Cell[][] = [];
  const add = (id: string, layer: number, real: boolean): Cell => {
    const row = layers[layer] ?? [];
    layers[layer] = row;
    const cell: Cell = { id, layer, real, before: [], after: [], order: row.length, y: 0 };
    row.push(cell);
    return cell;
  };
  const cells = new Map(nodes.map((node) => [node.id, add(node.id, layerOf.get(node.id) ?? 0, true)]));
  const chains: Chain[] = [];
  for (const edge of edges) {
    const from = cells.get(edge.from);
    const to = cells.get(edge.to);
    if (from === undefined || to === undefined) continue;
    const chain = [from];
    for (let layer = from.layer + 1; layer < to.layer; layer += 1) {
      chain.push(add(`${edge.from}>${edge.to}@${layer}`, layer, false));
    }
    chain.push(to);
    for (let i = 1; i < chain.length; i += 1) {
      chain[i - 1]?.after.push(chain[i] as Cell);
      chain[i]?.before.push(chain[i - 1] as Cell);
    }
    chains.push({ edge, cells: chain });
  }
  return { layers, chains };
}

/** Barycentre sweeps; the order with the fewest crossings that was seen wins. */
function orderCells(layers: readonly Cell[][]): void {
  let best = crossings(layers);
  let order = layers.map((row) => [...row]);
  for (let sweep = 0; sweep < ORDER_SWEEPS_MAX && best > 0; sweep += 1) {
    const forwards = sweep % 2 === 0;
    for (const row of forwards ? layers : [...layers].reverse()) {
      const centre = new Map(row.map((cell) => [cell, mean(forwards ? cell.before : cell.after, (c) => c.order)]));
      row.sort((a, b) => (centre.get(a) ?? a.order) - (centre.get(b) ?? b.order) || a.order - b.order);
      for (const [index, cell] of row.entries()) cell.order = index;
    }
    const count = crossings(layers);
    if (count < best) {
      best = count;
      order = layers.map((row) => [...row]);
    }
  }
  for (const [index, row] of order.entries()) {
    layers[index]?.splice(0, row.length, ...row);
    for (const [position, cell] of row.entries()) cell.order = position;
  }
}

function crossings(layers: readonly (readonly Cell[])[]): number {
  let count = 0;
  for (const row of layers) {
    const ends = row.flatMap((cell) => cell.after.map((next) => [cell.order, next.order] as const));
    for (const [i, a] of ends.entries()) {
      for (const b of ends.slice(i + 1)) if ((a[0] - b[0]) * (a[1] - b[1]) < 0) count += 1;
    }
  }
  return count;
}

/** Centre lines: pulled towards the mean of the neighbours, never closer to each other than a row. */
function placeRows(layers: readonly (readonly Cell[])[], options: LayoutOptions): void {
  const gapOf = (a: Cell, b: Cell) =>
    ((a.real ? 1 : 0.5) + (b.real ? 1 : 0.5)) * 0.5 * (options.nodeHeight + options.rowGap);
  const spread = (row: readonly Cell[], wanted: readonly number[]): void => {
    // Least squares under "at least a gap apart" (pool adjacent violators): blocks of touching cells share one offset.
    const blocks: { cells: number; sum: number }[] = [];
    const reach = row.map(() => 0);
    for (const [i, cell] of row.entries()) {
      if (i > 0) reach[i] = (reach[i - 1] ?? 0) + gapOf(row[i - 1] as Cell, cell);
      let block = { cells: 1, sum: (wanted[i] ?? 0) - (reach[i] ?? 0) };
      for (let last = blocks.at(-1); last && last.sum / last.cells > block.sum / block.cells; last = blocks.at(-1)) {
        block = { cells: block.cells + last.cells, sum: block.sum + last.sum };
        blocks.pop();
      }
      blocks.push(block);
    }
    let i = 0;
    for (const block of blocks) {
      for (let n = 0; n < block.cells; n += 1, i += 1) (row[i] as Cell).y = block.sum / block.cells + (reach[i] ?? 0);
    }
  };
  for (const row of layers)
    spread(
      row,
      row.map((_, i) => (i - (row.length - 1) / 2) * (options.nodeHeight + options.rowGap)),
    );
  for (let sweep = 0; sweep < ALIGN_SWEEPS_MAX; sweep += 1) {
    const forwards = sweep % 2 === 0;
    for (const row of forwards ? layers : [...layers].reverse()) {
      spread(
        row,
        row.map((cell) => mean(forwards ? cell.before : cell.after, (c) => c.y) ?? cell.y),
      );
    }
  }
}

function drawn(layers: readonly (readonly Cell[])[], chains: readonly Chain[], options: LayoutOptions): Layout {
  const { nodeWidth, nodeHeight, layerGap } = options;
  const all = layers.flat();
  if (all.length === 0) return { width: 0, height: 0, nodes: [], edges: [] };
  const top = Math.min(...all.map((cell) => cell.y)) - nodeHeight / 2;
  const bottom = Math.max(...all.map((cell) => cell.y)) + nodeHeight / 2;
  const left = (cell: Cell) => cell.layer * (nodeWidth + layerGap);
  const middle = (cell: Cell) => cell.y - top;
  return {
    width: layers.length * (nodeWidth + layerGap) - layerGap,
    height: bottom - top,
    nodes: all
      .filter((cell) => cell.real)
      .map((cell) => ({ id: cell.id, layer: cell.layer, x: left(cell), y: middle(cell) - nodeHeight / 2 })),
    edges: chains.map(({ edge, cells }) => ({
      from: edge.from,
      to: edge.to,
      points: cells.flatMap((cell, i): Point[] => {
        const start = { x: left(cell), y: middle(cell) };
        const end = { x: left(cell) + nodeWidth, y: middle(cell) };
        if (i === 0) return [end];
        return i === cells.length - 1 ? [start] : [start, end];
      }),
    })),
  };
}

/** An SVG path through the points: level at each of them, so that edges leave and arrive as a channel would. */
export function edgePath(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  let path = `M${round(first.x)} ${round(first.y)}`;
  let last = first;
  for (const point of rest) {
    const bend = (point.x - last.x) / 2;
    path += ` C${round(last.x + bend)} ${round(last.y)} ${round(point.x - bend)} ${round(point.y)} ${round(point.x)} ${round(point.y)}`;
    last = point;
  }
  return path;
}

/** Where an edge's label goes: the middle of its first stretch. */
export function edgeLabelPoint(points: readonly Point[]): Point {
  const a = points[0] ?? { x: 0, y: 0 };
  const b = points[1] ?? a;
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

function mean(cells: readonly Cell[], of: (cell: Cell) => number): number | undefined {
  return cells.length === 0 ? undefined : cells.reduce((sum, cell) => sum + of(cell), 0) / cells.length;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
