import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatTime } from '../state/format.ts';
import { useStore } from '../state/store.ts';
import { theme } from '../state/theme.ts';
import { describeChart } from './description.ts';

export type Tone = 'water' | 'brass' | 'moss' | 'plum' | 'alarm' | 'soft';

export interface ChartSeries {
  readonly label: string;
  readonly tone: Tone;
  readonly values: readonly (number | null | undefined)[];
  readonly filled?: boolean;
  readonly dashed?: boolean;
}

export interface ChartProps {
  readonly title: string;
  readonly times: readonly number[];
  readonly series: readonly ChartSeries[];
  readonly format: (value: number | undefined) => string;
  readonly height: number;
  /** First and last instant shown, seconds; without it, the data's own. */
  readonly span?: readonly [number, number];
  readonly waiting?: string;
  /** Keeps two lines for the legend from the start, for charts whose lines come with the data. */
  readonly roomyLegend?: boolean;
}

/** The colour behind a token, as the canvas needs it. */
function colour(token: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(--${token})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

const TONE_TOKENS: Readonly<Record<Tone, string>> = {
  water: 'water',
  brass: 'brass',
  moss: 'moss',
  plum: 'plum',
  alarm: 'alarm',
  soft: 'ink-soft',
};

/** Lines over time; the same in words for those who do not see it, and the values under the cursor in the legend. */
export function Chart(props: ChartProps) {
  const { title, times, series, format, height } = props;
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const [hovered, setHovered] = useState<number | undefined>(undefined);
  const shownTheme = useStore(theme);
  const shape = series.map((one) => `${one.label}/${one.tone}/${one.filled}/${one.dashed}`).join('|');
  const span = useRef(props.span);
  span.current = props.span;
  const data = [times, ...series.map((one) => one.values)] as unknown as uPlot.AlignedData;
  const latest = useRef(data);
  latest.current = data;

  // A new drawing only when the lines or the colours change
  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const options = plotOptions(props, element.clientWidth, () => span.current, setHovered);
    const made = new uPlot(options, latest.current, element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [shape, shownTheme, height]);

  useEffect(() => {
    plot.current?.setData(latest.current);
  });

  const at = hovered !== undefined && hovered < times.length ? hovered : times.length - 1;
  const empty = times.length === 0;
  const first = times[0];
  return (
    <figure class="panel chart">
      <figcaption class={props.roomyLegend ? 'roomy' : ''}>
        <h2>{title}</h2>
        <ul class="legend">
          {hovered !== undefined && !empty && <li>{formatTime((times[at] ?? 0) * 1000)}</li>}
          {series.map((one) => (
            <li key={one.label}>
              <span class={`swatch tone-${one.tone} ${one.dashed ? 'dashed' : ''}`} />
              {one.label} <b>{format(one.values[at] ?? undefined)}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <div class="plot" style={{ height: `${height}px` }}>
        <div ref={holder} role="img" aria-label={describeChart(title, times, series, format)} />
        {(empty || first === undefined) && <p class="plot-note">{props.waiting ?? 'Waiting for the first figures'}</p>}
      </div>
    </figure>
  );
}

function plotOptions(
  props: ChartProps,
  width: number,
  span: () => readonly [number, number] | undefined,
  onHover: (index: number | undefined) => void,
): uPlot.Options {
  const ink = colour('ink-soft');
  const line = colour('line');
  const axis = { stroke: ink, font: '12px sans-serif', grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    width: Math.max(50, width),
    height: props.height,
    padding: [8, 30, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    scales: {
      x: { time: true, range: (_plot, min, max) => [...(span() ?? [min ?? 0, max ?? 1])] as [number, number] },
      y: { range: (_plot, _min, max) => [0, max === null || max <= 0 ? 1 : max * 1.12] },
    },
    axes: [
      { ...axis, size: 26, gap: 6, space: 90, values: (_plot, splits) => splits.map((at) => formatTime(at * 1000)) },
      { ...axis, size: 68, space: 34, values: (_plot, splits) => splits.map((value) => props.format(value)) },
    ],
    series: [{}, ...props.series.map((one) => lineOf(one))],
    hooks: {
      setCursor: [
        (plot) =>
          onHover(plot.cursor.left === undefined || plot.cursor.left < 0 ? undefined : (plot.cursor.idx ?? undefined)),
      ],
    },
  };
}

function lineOf(one: ChartSeries): uPlot.Series {
  const stroke = colour(TONE_TOKENS[one.tone]);
  const fill = (plot: uPlot): CanvasGradient => {
    const gradient = plot.ctx.createLinearGradient(0, plot.bbox.top, 0, plot.bbox.top + plot.bbox.height);
    gradient.addColorStop(0, withAlpha(stroke, 0.45));
    gradient.addColorStop(1, withAlpha(stroke, 0.06));
    return gradient;
  };
  return {
    label: one.label,
    stroke,
    width: 2,
    points: { show: false },
    spanGaps: false,
    ...(one.filled && { fill }),
    ...(one.dashed && { dash: [3, 4] }),
  };
}

/** `rgb(r, g, b)` with an alpha. */
function withAlpha(rgb: string, alpha: number): string {
  const parts = rgb.match(/[\d.]+/g) ?? ['0', '0', '0'];
  return `rgba(${parts.slice(0, 3).join(', ')}, ${alpha})`;
}
