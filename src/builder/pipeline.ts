import { parseDurationMs } from '../base/duration.ts';
import { resolveAlertKeys } from '../plan/alert-key.ts';
import { expressionText } from '../plan/expression-text.ts';
import { alertRuleNode, inputsOf, outputNode, pipelineOf, sinkNode } from '../plan/factory.ts';
import type { AlertRuleNode, EmitPolicy, OutputNode, Pipeline, PlanNode, SinkNode, SourceNode } from '../plan/node.ts';
import { optimize, optimizeOutputs } from '../plan/optimizer/optimizer.ts';
import { liftOutputs } from '../plan/optimizer/user-call-lifting.ts';
import { outputShape } from '../plan/output-key.ts';
import { shareNodes } from '../plan/pipeline-text.ts';
import { columnIndex, type Row, rowOf, type Shape } from './row.ts';
import type { Stream } from './stream.ts';
import type { Value } from './value.ts';

/** A materialized view that alerts and sinks can name. */
export interface View<Columns extends Shape> {
  readonly output: OutputNode;
  readonly shape?: Columns;
}

export interface AlertSpec<Columns extends Shape> {
  readonly view: View<Columns>;
  readonly when: (row: Row<Columns>) => Value<'boolean'>;
  /** How long the condition must hold before the alert fires; at once without it. */
  readonly for?: string;
  /** Columns that tell instances apart; the view's keys, the window's aside, without it. */
  readonly keys?: readonly (keyof Columns & string)[];
  readonly keepFiringFor?: string;
  readonly severity?: AlertRuleNode['severity'];
  readonly summary?: string;
  readonly webhook?: string;
}

/** What the function given to {@link pipeline} declares with. */
export class PipelineBuilder {
  readonly #outputs: OutputNode[] = [];
  readonly #sinks: SinkNode[] = [];
  readonly #alerts: AlertRuleNode[] = [];

  /** Writes the stream to an output topic, kept as a table by key when it aggregates. */
  view<Columns extends Shape>(
    name: string,
    stream: Stream<Columns>,
    options: { readonly topic?: string; readonly emit?: 'updates' | 'final' | { readonly every: string } } = {},
  ): View<Columns> {
    const emit = emitPolicy(options.emit ?? 'updates');
    const output = outputNode({
      name,
      topic: options.topic ?? name,
      input: stream.node,
      ...outputShape(optimize(stream.node), emit.kind),
      emit,
    });
    this.#outputs.push(output);
    return { output };
  }

  /** Sends the rows of a view to another system. */
  sink(
    name: string,
    view: View<Shape>,
    options: { readonly connector: string } & Readonly<Record<string, string>>,
  ): void {
    const { connector, ...rest } = options;
    this.#sinks.push(sinkNode({ name, from: view.output.name, connector, options: rest }));
  }

  alert<Columns extends Shape>(name: string, spec: AlertSpec<Columns>): void {
    const { output } = spec.view;
    const condition = spec.when(rowOf<Columns>(output.input)).expression;
    this.#alerts.push(
      alertRuleNode({
        name,
        view: output.name,
        condition,
        conditionText: expressionText(condition),
        keys: spec.keys?.map((key) => columnIndex(output.input, key)) ?? resolveAlertKeys(output),
        forMs: spec.for === undefined ? 0 : parseDurationMs(spec.for),
        keepFiringForMs: spec.keepFiringFor === undefined ? 0 : parseDurationMs(spec.keepFiringFor),
        severity: spec.severity ?? 'warning',
        summary: spec.summary ?? name,
        webhook: spec.webhook,
      }),
    );
  }

  build(name: string): Pipeline {
    const sources = sourcesOf(this.#outputs.map((output) => output.input));
    const parts = {
      sources,
      outputs: liftOutputs(optimizeOutputs(this.#outputs)),
      sinks: this.#sinks,
      alerts: this.#alerts,
    };
    return shareNodes(pipelineOf({ name, ...parts, modules: [] }));
  }
}

/**
 * Declares a pipeline: the default export of a file in `pipelines/`.
 *
 * @example
 * ```ts
 * export default pipeline('clicks', (p) => {
 *   p.view('clicks_1m', clicks.tumble('time', '1 minute').groupBy('page').aggregate(() => ({ clicks: count() })));
 * });
 * ```
 */
export function pipeline(name: string, declare: (builder: PipelineBuilder) => void): Pipeline {
  const builder = new PipelineBuilder();
  declare(builder);
  return builder.build(name);
}

function emitPolicy(emit: 'updates' | 'final' | { readonly every: string }): EmitPolicy {
  return typeof emit === 'string' ? { kind: emit } : { kind: 'every', intervalMs: parseDurationMs(emit.every) };
}

/** The sources below, in the order in which they are first read. */
function sourcesOf(roots: readonly PlanNode[]): readonly SourceNode[] {
  const found = new Set<SourceNode>();
  const seen = new Set<PlanNode>();
  const visit = (node: PlanNode): void => {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.kind === 'source') found.add(node);
    for (const input of inputsOf(node)) visit(input);
  };
  for (const root of roots) visit(root);
  return [...found];
}
