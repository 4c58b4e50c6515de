import { useState } from 'preact/hooks';
import { Chart } from '../chart/chart.tsx';
import { Empty } from '../element/empty.tsx';
import { Scroll } from '../element/scroll.tsx';
import { Segments } from '../element/segments.tsx';
import { INIT_COMMAND, INIT_FROM_COMMAND, ingestCommand } from '../state/command-line.ts';
import type { PageProps } from '../state/console.ts';
import { formatBytes, formatCount, formatDelay, formatMs, formatRate } from '../state/format.ts';
import type { HistoryField, HistoryPoint } from '../state/history.ts';
import type { MonitorState } from '../state/monitor.ts';
import { hashOf } from '../state/route.ts';
import { useStore } from '../state/store.ts';
import { PipelineState } from './pipeline-state.tsx';

const SPANS = [
  { value: '120', text: '2 min' },
  { value: '900', text: '15 min' },
  { value: '3600', text: '1 hour' },
] as const;

type SpanSeconds = (typeof SPANS)[number]['value'];

export function OverviewPage({ console }: PageProps) {
  const state = useStore(console.monitor.state);
  const [seconds, setSeconds] = useState<SpanSeconds>('120');
  const nowMs = state.history.last?.atMs ?? Date.now();
  const points = state.history.since(nowMs - Number(seconds) * 1000);
  const nothing = state.connection.kind === 'live' && state.pipelines.length === 0;
  return (
    <>
      <div class="page-head">
        <h1>Overview</h1>
        <div class="page-tools">
          <Segments label="Span of the charts" name="span" value={seconds} options={SPANS} onChange={setSeconds} />
        </div>
      </div>
      <Stats state={state} />
      {nothing && (
        <Empty
          title="The channel is dry"
          steps={[
            { text: 'Make a project that runs, with data, a pipeline and an alert:', command: INIT_COMMAND },
            { text: 'Or make one from events of your own:', command: INIT_FROM_COMMAND },
            { text: 'Or send an event to a topic of this server:', command: ingestCommand(location.origin, 'events') },
          ]}
        >
          No pipeline runs on this server. As soon as one does, its figures appear on this page.
        </Empty>
      )}
      <Charts latency={latencyTitle(state)} points={points} span={[nowMs / 1000 - Number(seconds), nowMs / 1000]} />
      {state.pipelines.length > 0 && <Pipelines state={state} nowMs={nowMs} />}
    </>
  );
}

function latencyTitle(state: MonitorState): string {
  return state.latencyOf === 'epoch' ? 'Epoch time' : 'End-to-end latency';
}

function Stats({ state }: { readonly state: MonitorState }) {
  const last = state.history.last;
  const firing = state.alerts.filter((alert) => alert.state === 'firing').length;
  const pending = state.alerts.filter((alert) => alert.state === 'pending').length;
  return (
    <dl class="stats">
      <Stat
        title="Throughput"
        figure={formatRate(last?.processed ?? last?.ingested)}
        beside={`${formatRate(last?.ingested)} taken in`}
        page="pipeline"
      />
      <Stat
        title={latencyTitle(state)}
        figure={formatMs(last?.latencyP50Ms)}
        beside={`${formatMs(last?.latencyP99Ms)} at p99`}
      />
      <Stat title="Lag" figure={formatCount(last?.lagRecords)} beside="records waiting" page="pipeline" />
      <Stat
        title="Dead letters"
        figure={formatCount(state.deadLettersTotal)}
        beside={`${formatRate(last?.deadLetters)} now`}
        page="dead-letters"
      />
      <Stat
        title="Alerts firing"
        figure={formatCount(firing)}
        beside={`${formatCount(pending)} pending`}
        page="alerts"
        bad={firing > 0}
      />
    </dl>
  );
}

function Stat(props: {
  readonly title: string;
  readonly figure: string;
  readonly beside: string;
  readonly page?: 'pipeline' | 'dead-letters' | 'alerts';
  readonly bad?: boolean;
}) {
  return (
    <div>
      <dt>{props.page === undefined ? props.title : <a href={hashOf(props.page)}>{props.title}</a>}</dt>
      <dd class={`figure ${props.bad ? 'bad' : ''}`}>{props.figure}</dd>
      <dd class="beside">{props.beside}</dd>
    </div>
  );
}

function Charts({
  latency,
  points,
  span,
}: {
  readonly latency: string;
  readonly points: readonly HistoryPoint[];
  readonly span: readonly [number, number];
}) {
  const times = points.map((point) => point.atMs / 1000);
  const of = (field: HistoryField) => points.map((point) => point[field]);
  const shared = { times, span };
  return (
    <div class="charts">
      <div class="wide">
        <Chart
          {...shared}
          title="Throughput"
          height={210}
          format={formatRate}
          series={[
            { label: 'processed', tone: 'water', values: of('processed'), filled: true },
            { label: 'taken in', tone: 'brass', values: of('ingested') },
          ]}
        />
      </div>
      <Chart
        {...shared}
        title={latency}
        height={160}
        format={formatMs}
        series={[
          { label: 'p50', tone: 'water', values: of('latencyP50Ms') },
          { label: 'p99', tone: 'brass', values: of('latencyP99Ms') },
        ]}
      />
      <Chart
        {...shared}
        title="Lag"
        height={160}
        format={formatCount}
        series={[{ label: 'records', tone: 'water', values: of('lagRecords'), filled: true }]}
      />
      <Chart
        {...shared}
        title="Dead letters"
        height={160}
        format={formatRate}
        series={[{ label: 'refused', tone: 'alarm', values: of('deadLetters'), filled: true }]}
      />
      <Chart
        {...shared}
        title="Durable write (fsync)"
        height={160}
        format={formatMs}
        series={[{ label: 'p99', tone: 'moss', values: of('fsyncP99Ms') }]}
      />
    </div>
  );
}

function Pipelines({ state, nowMs }: { readonly state: MonitorState; readonly nowMs: number }) {
  return (
    <Scroll class="panel scroll" label="Pipelines, scrollable">
      <table>
        <caption>Pipelines</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              Waiting
            </th>
            <th scope="col">Watermark</th>
            <th scope="col" class="number">
              Epoch, p99
            </th>
            <th scope="col" class="number">
              Keys
            </th>
            <th scope="col" class="number">
              State size
            </th>
          </tr>
        </thead>
        <tbody>
          {state.pipelines.map((pipeline) => (
            <tr key={pipeline.name}>
              <th scope="row">
                <a href={hashOf('pipeline', pipeline.name)}>{pipeline.name}</a>
              </th>
              <td>
                <PipelineState state={pipeline.state} building={pipeline.building} />
              </td>
              <td class="number">{formatCount(pipeline.lagRecords)}</td>
              <td>{formatDelay(pipeline.watermark, nowMs)}</td>
              <td class="number">{formatMs(pipeline.epochMs.p99)}</td>
              <td class="number">{formatCount(pipeline.stateKeys)}</td>
              <td class="number">{formatBytes(pipeline.stateBytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
