import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { edgePath, type GraphEdge, layoutGraph, withoutCycles } from '../src/graph/layout.ts';

const options = { nodeWidth: 100, nodeHeight: 40, layerGap: 60, rowGap: 20 };
const nodes = (...ids: string[]) => ids.map((id) => ({ id }));
const edge = (text: string): GraphEdge => {
  const [from = '', to = ''] = text.split('>');
  return { from, to };
};

const graphs = fc.integer({ min: 1, max: 14 }).chain((count) =>
  fc.record({
    count: fc.constant(count),
    pairs: fc.uniqueArray(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), {
      maxLength: 24,
      selector: (pair) => pair.join('>'),
    }),
  }),
);

describe('layout of a pipeline graph', () => {
  it('draws nothing for an empty graph', () => {
    expect(layoutGraph([], [], options)).toEqual({ width: 0, height: 0, nodes: [], edges: [] });
  });

  it('puts a chain on one line, each step one layer to the right', () => {
    const { nodes: placed } = layoutGraph(nodes('a', 'b', 'c'), [edge('a>b'), edge('b>c')], options);
    expect(placed.map((node) => [node.id, node.x, node.y])).toEqual([
      ['a', 0, 0],
      ['b', 160, 0],
      ['c', 320, 0],
    ]);
  });

  it('centres a source on what it feeds', () => {
    const { nodes: placed } = layoutGraph(nodes('s', 'x', 'y', 'z'), [edge('s>x'), edge('s>y'), edge('s>z')], options);
    const y = new Map(placed.map((node) => [node.id, node.y]));
    expect(y.get('s')).toBe(y.get('y'));
    expect(y.get('x')).toBeLessThan(y.get('y') ?? 0);
  });

  it('removes a crossing that the order of the nodes would make', () => {
    const { nodes: placed } = layoutGraph(nodes('a', 'b', 'c', 'd'), [edge('a>d'), edge('b>c')], options);
    const y = new Map(placed.map((node) => [node.id, node.y]));
    expect(Math.sign((y.get('a') ?? 0) - (y.get('b') ?? 0))).toBe(Math.sign((y.get('d') ?? 0) - (y.get('c') ?? 0)));
  });

  it('leads a long edge around the nodes of the layers between', () => {
    const graph = layoutGraph(nodes('a', 'b', 'c'), [edge('a>b'), edge('b>c'), edge('a>c')], options);
    const long = graph.edges.find((placed) => placed.from === 'a' && placed.to === 'c');
    const between = graph.nodes.find((node) => node.id === 'b');
    expect(long?.points).toHaveLength(4);
    const pass = long?.points[1]?.y ?? 0;
    expect(pass < (between?.y ?? 0) || pass > (between?.y ?? 0) + options.nodeHeight).toBe(true);
  });

  it('ignores edges to nodes that are not there', () => {
    expect(layoutGraph(nodes('a'), [edge('a>ghost')], options).edges).toEqual([]);
  });

  it('breaks cycles instead of hanging', () => {
    expect(withoutCycles(nodes('a', 'b'), [edge('a>b'), edge('b>a')])).toEqual([edge('a>b')]);
  });

  it('goes left to right, without overlaps, inside its bounds, the same every time', () => {
    fc.assert(
      fc.property(graphs, ({ count, pairs }) => {
        const all = nodes(...Array.from({ length: count }, (_, i) => `n${i}`));
        const edges = pairs.map(([from, to]) => ({ from: `n${from}`, to: `n${to}` }));
        const graph = layoutGraph(all, edges, options);
        expect(graph.nodes).toHaveLength(count);
        for (const a of graph.nodes) {
          expect(a.x).toBeGreaterThanOrEqual(0);
          expect(a.y).toBeGreaterThanOrEqual(-1e-6);
          expect(a.x + options.nodeWidth).toBeLessThanOrEqual(graph.width + 1e-6);
          expect(a.y + options.nodeHeight).toBeLessThanOrEqual(graph.height + 1e-6);
          for (const b of graph.nodes) {
            if (a.id < b.id && a.layer === b.layer)
              expect(Math.abs(a.y - b.y)).toBeGreaterThanOrEqual(options.nodeHeight);
          }
        }
        for (const placed of graph.edges) {
          const xs = placed.points.map((point) => point.x);
          expect([...xs].sort((p, q) => p - q)).toEqual(xs);
        }
        expect(layoutGraph(all, edges, options)).toEqual(graph);
      }),
      { numRuns: 200 },
    );
  });
});

describe('path of an edge', () => {
  it('is level at both ends', () => {
    expect(
      edgePath([
        { x: 0, y: 0 },
        { x: 60, y: 30 },
      ]),
    ).toBe('M0 0 C30 0 30 30 60 30');
  });
});
