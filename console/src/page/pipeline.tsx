import { useState } from 'preact/hooks';
import type { OperatorStatus, PipelineStatus } from '../api/types.ts';
import { Empty } from '../element/empty.tsx';
import { Scroll } from '../element/scroll.tsx';
import { Graph } from '../graph/graph.tsx';
import { INIT_COMMAND, START_COMMAND } from '../state/command-line.ts';
import type { PageProps } from '../state/console.ts';
import { formatBytes, formatCount, formatDelay, formatMs, formatRate, formatTime } from '../state/format.ts';
import type { MonitorState } from '../state/monitor.ts';
import { hashOf } from '../state/route.ts';
import { useStore } from '../state/store.ts';
import { PipelineState } from './pipeline-state.tsx';

export function PipelinePage({ console, item }: PageProps) {
  const state = useStore(console.monitor.state);
  const pipeline = state.pipelines.find((one) => one.name === item) ?? state.pipelines[0];
  return (
    <>
      <div class="page-head">
        <h1>Pipeline</h1>
        {state.pipelines.length > 1 && (
          <nav class="page-tools" aria-label="Pipelines">
            {state.pipelines.map((one) => (
              <a
                key={one.name}
                class="button"
                href={hashOf('pipeline', one.name)}
                aria-current={one === pipeline ? 'true' : undefined}
              >
                {one.name}
              </a>
            ))}
          </nav>
        )}
      </div>
      {pipeline === undefined ? (
        state.connection.kind === 'live' && <NoPipeline />
      ) : (
        <Pipeline key={pipeline.name} pipeline={pipeline} state={state} />
      )}
    </>
  );
}

function NoPipeline() {
  return (
    <Empty
      title="No pipeline runs"
      steps={[
        { text: 'Make a project with a pipeline and run it:', command: INIT_COMMAND },
        { text: 'Or start the project of the folder that you are in:', command: START_COMMAND },
      ]}
    >
      A pipeline is a file in the folder <code>pipelines/</code> of a project, in SQL or TypeScript. It is drawn here
      while it runs.
    </Empty>
  );
}

function Pipeline({ pipeline, state }: { readonly pipeline: PipelineStatus; readonly state: MonitorState }) {
  const [selected, setSelected] = useState<string | undefined>(undefined);
  const nowMs = state.history.last?.atMs ?? Date.now();
  const operator = pipeline.operators.find((one) => one.id === selected);
  const rateOf = (from: string, to: string) => state.rates.get(`${pipeline.name}/${from}>${to}`);
  return (
    <>
      {pipeline.error !== undefined && <p class="notice bad">{pipeline.error}</p>}
      <section class="panel" aria-labelledby="graph-title">
        <div class="panel-head">
          <h2 id="graph-title">{pipeline.name}</h2>
          <PipelineState state={pipeline.state} building={pipeline.building} />
        </div>
        <Graph pipeline={pipeline} nowMs={nowMs} rateOf={rateOf} selected={selected} onSelect={setSelected} />
      </section>
      <section
        class="panel"
        aria-label={operator === undefined ? 'The pipeline in figures' : 'The chosen operator in figures'}
      >
        <div class="panel-head">
          <h2>{operator === undefined ? 'In figures' : operator.label}</h2>
          <span class="soft small">
            {operator === undefined ? 'Choose an operator in the drawing for its own' : operator.id}
          </span>
        </div>
        <div class="panel-body">
          {operator === undefined ? (
            <PipelineFacts pipeline={pipeline} nowMs={nowMs} />
          ) : (
            <OperatorFacts operator={operator} nowMs={nowMs} />
          )}
        </div>
      </section>
      <OperatorTable pipeline={pipeline} nowMs={nowMs} rateOf={rateOf} />
    </>
  );
}

function PipelineFacts({ pipeline, nowMs }: { readonly pipeline: PipelineStatus; readonly nowMs: number }) {
  return (
    <dl class="facts">
      <Fact name="Waiting" value={`${formatCount(pipeline.lagRecords)} records`} />
      <Fact name="Watermark" value={formatDelay(pipeline.watermark, nowMs)} />
      <Fact name="Epoch" value={formatCount(pipeline.epoch)} />
      <Fact name="Epoch time" value={`${formatMs(pipeline.epochMs.p50)}, p99 ${formatMs(pipeline.epochMs.p99)}`} />
      <Fact name="State" value={`${formatCount(pipeline.stateKeys)} keys, ${formatBytes(pipeline.stateBytes)}`} />
      <Fact name="Late rows" value={formatCount(pipeline.lateRows)} />
      <Fact name="Duplicates removed" value={formatCount(pipeline.duplicateRows)} />
      <Fact
        name="Last snapshot"
        value={pipeline.snapshotEpoch === undefined ? 'none yet' : `at epoch ${formatCount(pipeline.snapshotEpoch)}`}
      />
    </dl>
  );
}

function OperatorFacts({ operator, nowMs }: { readonly operator: OperatorStatus; readonly nowMs: number }) {
  const finite = operator.watermark !== undefined && Number.isFinite(operator.watermark);
  return (
    <dl class="facts">
      <Fact name="Kind" value={operator.kind} />
      <Fact name="Rows in" value={formatCount(operator.rowsIn)} />
      <Fact name="Rows out" value={formatCount(operator.rowsOut)} />
      <Fact
        name="Watermark"
        value={
          finite
            ? `${formatTime(operator.watermark, nowMs)}, ${formatDelay(operator.watermark, nowMs)}`
            : formatDelay(operator.watermark, nowMs)
        }
      />
      <Fact name="State" value={`${formatCount(operator.stateKeys)} keys, ${formatBytes(operator.stateBytes)}`} />
    </dl>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** The drawing again, as a table: for screen readers, and for exact figures. */
function OperatorTable(props: {
  readonly pipeline: PipelineStatus;
  readonly nowMs: number;
  readonly rateOf: (from: string, to: string) => number | undefined;
}) {
  const { pipeline, nowMs, rateOf } = props;
  const labels = new Map(pipeline.operators.map((operator) => [operator.id, operator.label]));
  return (
    <Scroll class="panel scroll operators" label="Operators, scrollable">
      <table>
        <caption>Operators of {pipeline.name}</caption>
        <thead>
          <tr>
            <th scope="col">Operator</th>
            <th scope="col">Kind</th>
            <th scope="col">Feeds</th>
            <th scope="col" class="number">
              Rows in
            </th>
            <th scope="col" class="number">
              Rows out
            </th>
            <th scope="col" class="number">
              Keys
            </th>
            <th scope="col">Watermark</th>
          </tr>
        </thead>
        <tbody>
          {pipeline.operators.map((operator) => (
            <tr key={operator.id}>
              <th scope="row" class="wrap">
                {operator.label}
              </th>
              <td>{operator.kind}</td>
              <td class="wrap">
                {pipeline.edges
                  .filter((edge) => edge.from === operator.id)
                  .map((edge) => `${labels.get(edge.to) ?? edge.to} (${formatRate(rateOf(edge.from, edge.to))})`)
                  .join(', ') || '–'}
              </td>
              <td class="number">{formatCount(operator.rowsIn)}</td>
              <td class="number">{formatCount(operator.rowsOut)}</td>
              <td class="number">{formatCount(operator.stateKeys)}</td>
              <td>{formatDelay(operator.watermark, nowMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
