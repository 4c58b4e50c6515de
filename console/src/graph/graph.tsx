import { useMemo } from 'preact/hooks';
import type { OperatorStatus, PipelineStatus } from '../api/types.ts';
import { Scroll } from '../element/scroll.tsx';
import { formatDelay, formatRate } from '../state/format.ts';
import { edgeLabelPoint, edgePath, type Layout, layoutGraph, type PlacedEdge, type PlacedNode } from './layout.ts';

const SIZE = { nodeWidth: 184, nodeHeight: 74, layerGap: 62, rowGap: 22 };
const MARGIN = 6;
/** Smaller than this the labels cannot be read: the drawing scrolls instead. */
const SCALE_LEAST = 0.72;
const SCALE_MOST = 1.1;
const LABEL_LETTERS_MAX = 21;

export interface GraphProps {
  readonly pipeline: PipelineStatus;
  readonly nowMs: number;
  readonly rateOf: (from: string, to: string) => number | undefined;
  readonly selected: string | undefined;
  readonly onSelect: (id: string | undefined) => void;
}

/** The pipeline as channels from left to right: wider where more flows. */
export function Graph(props: GraphProps) {
  const { pipeline } = props;
  const shape = `${pipeline.operators.map((one) => one.id).join()}|${pipeline.edges.map((edge) => `${edge.from}>${edge.to}`).join()}`;
  // The layout follows the shape alone, not the figures.
  const layout: Layout = useMemo(() => layoutGraph(pipeline.operators, pipeline.edges, SIZE), [shape]);
  const operators = new Map(pipeline.operators.map((one) => [one.id, one]));
  const width = layout.width + 2 * MARGIN;
  const height = layout.height + 2 * MARGIN;
  return (
    <Scroll class="graph" label={`Graph of ${pipeline.name}; the table below says the same`}>
      {/* biome-ignore lint/a11y/noSvgWithoutTitle: the part of the page around it is labelled, and so is each operator */}
      <svg
        viewBox={`${-MARGIN} ${-MARGIN} ${width} ${height}`}
        style={{
          minWidth: `${Math.round(width * SCALE_LEAST)}px`,
          maxWidth: `${Math.round(width * SCALE_MOST)}px`,
          aspectRatio: `${width} / ${height}`,
        }}
      >
        {layout.edges.map((edge) => (
          <Channel key={`${edge.from}>${edge.to}`} edge={edge} rate={props.rateOf(edge.from, edge.to)} />
        ))}
        {layout.edges.map((edge) => (
          <Rate key={`${edge.from}>${edge.to}`} edge={edge} rate={props.rateOf(edge.from, edge.to)} />
        ))}
        {layout.nodes.map((node) => {
          const operator = operators.get(node.id);
          return operator && <Operator key={node.id} node={node} operator={operator} {...props} />;
        })}
      </svg>
    </Scroll>
  );
}

function Channel({ edge, rate }: { readonly edge: PlacedEdge; readonly rate: number | undefined }) {
  const path = edgePath(edge.points);
  const flow = rate ?? 0;
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a group of paths takes no focus; the operators and the table say the same
    <g aria-hidden="true">
      <path class="channel-bed" d={path} style={{ strokeWidth: `${4 + Math.min(14, 2.6 * Math.log10(1 + flow))}px` }} />
      <path class={`channel-flow ${flow > 0 ? 'moving' : ''}`} d={path} />
    </g>
  );
}

function Rate({ edge, rate }: { readonly edge: PlacedEdge; readonly rate: number | undefined }) {
  const point = edgeLabelPoint(edge.points);
  const text = formatRate(rate);
  const width = 10 + text.length * 7;
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a label takes no focus; the table below says the same
    <g class="rate" aria-hidden="true" transform={`translate(${point.x} ${point.y})`}>
      <rect x={-width / 2} y={-10} width={width} height={20} rx={10} />
      <text y={4}>{text}</text>
    </g>
  );
}

function Operator(props: GraphProps & { readonly node: PlacedNode; readonly operator: OperatorStatus }) {
  const { node, operator, selected, nowMs } = props;
  const pressed = operator.id === selected;
  const choose = () => props.onSelect(pressed ? undefined : operator.id);
  const delay = formatDelay(operator.watermark, nowMs);
  return (
    // biome-ignore lint/a11y/useSemanticElements: SVG has no button of its own
    <g
      class={`operator ${operator.kind}`}
      transform={`translate(${node.x} ${node.y})`}
      role="button"
      tabindex={0}
      aria-pressed={pressed}
      aria-label={`${operator.kind} ${nameOf(operator)}, ${delay}`}
      onClick={choose}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        choose();
      }}
    >
      <rect class="box" width={SIZE.nodeWidth} height={SIZE.nodeHeight} rx={5} />
      <rect class="stripe" x={0} y={8} width={4} height={SIZE.nodeHeight - 16} rx={2} />
      <title>{operator.label}</title>
      <text class="kind" x={16} y={21}>
        {`${operator.kind} `}
      </text>
      <text class="name" x={16} y={41}>
        {`${nameOf(operator)} `}
      </text>
      <text class="mark" x={16} y={61}>
        {delay}
      </text>
    </g>
  );
}

/** The kind stands above it: only what the label says beyond that; an output is known by the name of its view. */
function nameOf({ id, kind, label: text }: OperatorStatus): string {
  const start = kind === 'output' ? `${kind}:` : `${kind} `;
  const full = kind === 'output' ? id : text;
  const label = full.startsWith(start) ? full.slice(start.length) : full;
  return label.length <= LABEL_LETTERS_MAX ? label : `${label.slice(0, LABEL_LETTERS_MAX - 1)}…`;
}
