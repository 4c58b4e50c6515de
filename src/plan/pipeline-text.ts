import { createHash } from 'node:crypto';
import { HeadraceError } from '../base/error.ts';
import type { CallOptions } from './call-options.ts';
import type { Expression } from './expression.ts';
import { inputsOf } from './factory.ts';
import type { AggregateCall, OutputNode, Pipeline, PlanNode, SourceNode } from './node.ts';
import { Decimal } from './value/decimal.ts';

/** Version of the text; a newer one is refused. */
const FORMAT_VERSION = 1;

interface PipelineText {
  readonly version: number;
  readonly name: string;
  /** Every node once, its inputs (by position in this list) before it. */
  readonly nodes: readonly unknown[];
  readonly sources: readonly number[];
  readonly outputs: readonly unknown[];
  readonly sinks: readonly unknown[];
  readonly alerts: readonly unknown[];
  readonly modules: readonly unknown[];
}

/**
 * A pipeline as JSON text: for the ledger, for worker threads, and to compare. The same pipeline always gives the same text, and
 * equal subtrees are written once, so that what comes back shares them.
 */
export function serializePipeline(pipeline: Pipeline): string {
  return remembered(texts, pipeline, () => JSON.stringify(encodePipeline(pipeline)));
}

/** Plans are frozen: what was made of one once is made of it always. */
const texts = new WeakMap<Pipeline, string>();
const stateHashes = new WeakMap<Pipeline, string>();

function remembered(known: WeakMap<Pipeline, string>, pipeline: Pipeline, make: () => string): string {
  let made = known.get(pipeline);
  if (made === undefined) {
    made = make();
    known.set(pipeline, made);
  }
  return made;
}

/** Pipelines by their text, the latest last: the tasks of one, and who asks the ledger again and again, share it. */
const pipelines = new Map<string, Pipeline>();
const PIPELINES_KEPT = 16;

/** @throws HeadraceError `PLAN_FORMAT_UNKNOWN` */
export function deserializePipeline(text: string): Pipeline {
  const pipeline = pipelines.get(text) ?? decodePipeline(text);
  pipelines.delete(text);
  pipelines.set(text, pipeline);
  if (pipelines.size > PIPELINES_KEPT) pipelines.delete(pipelines.keys().next().value!);
  return pipeline;
}

function decodePipeline(text: string): Pipeline {
  const parsed = JSON.parse(text) as PipelineText;
  requireVersion(parsed.version);
  const nodes = decodeNodes(parsed.nodes);
  const at = (id: unknown): PlanNode => nodes[id as number]!;
  return deepFreeze({
    kind: 'pipeline',
    name: parsed.name,
    sources: parsed.sources.map((id) => at(id) as SourceNode),
    outputs: parsed.outputs.map((output) => {
      const decoded = decodeValue(output) as OutputNode & { input: unknown };
      return { ...decoded, input: at(decoded.input) };
    }),
    sinks: decodeValue(parsed.sinks) as Pipeline['sinks'],
    alerts: (decodeValue(parsed.alerts) as Pipeline['alerts']).map((alert) => ({ ...alert, webhook: alert.webhook })),
    modules: decodeValue(parsed.modules) as Pipeline['modules'],
  });
}

/** The same pipeline with equal subtrees as one shared node each: computed once, whichever front end wrote them how often. */
export function shareNodes(pipeline: Pipeline): Pipeline {
  return deserializePipeline(serializePipeline(pipeline));
}

/** As {@link serializePipeline}, for one query. */
export function serializePlan(node: PlanNode): string {
  const nodes = new NodeList();
  nodes.add(node);
  return JSON.stringify({ version: FORMAT_VERSION, nodes: nodes.encoded });
}

/** @throws HeadraceError `PLAN_FORMAT_UNKNOWN` */
export function deserializePlan(text: string): PlanNode {
  const parsed = JSON.parse(text) as Pick<PipelineText, 'version' | 'nodes'>;
  requireVersion(parsed.version);
  return deepFreeze(decodeNodes(parsed.nodes).at(-1)!);
}

const expressionTexts = new WeakMap<Expression, string>();

/** Canonical text of a part of a plan: equal for equal parts. */
export function serializeValue(value: object): string {
  return JSON.stringify(encodeValue(value));
}

/** Canonical text of an expression: equal for equal expressions. */
export function serializeExpression(expression: Expression): string {
  let text = expressionTexts.get(expression);
  if (text === undefined) {
    text = JSON.stringify(encodeValue(expression));
    expressionTexts.set(expression, text);
  }
  return text;
}

/** Canonical text of an aggregate call: equal for equal calls. */
export function serializeAggregate(call: AggregateCall): string {
  return JSON.stringify(encodeValue(call));
}

/**
 * SHA-256 (hex) of what a pipeline means: equal for the same pipeline from SQL and from the builder. The condition of an alert as
 * it was written, and the text of user modules (their hash is in), are left out.
 */
export function planHash(pipeline: Pipeline): string {
  return hashOf(pipeline, (_name, value) => value);
}

function hashOf(pipeline: Pipeline, replace: (name: string, value: unknown) => unknown): string {
  const encoded = encodePipeline({
    ...pipeline,
    alerts: pipeline.alerts.map((alert) => ({ ...alert, conditionText: '' })),
    modules: pipeline.modules.map((module) => ({ ...module, code: '' })),
  });
  return createHash('sha256').update(JSON.stringify(encoded, replace)).digest('hex');
}

/**
 * As {@link planHash}, of what the engine runs: alerts and sinks keep their state elsewhere, so an edit of one leaves the state
 * of the pipeline as good as it was.
 */
export function dataflowHash(pipeline: Pipeline): string {
  return planHash({ ...pipeline, alerts: [], sinks: [] });
}

/**
 * As {@link dataflowHash}, of what state and journals depend on: how calls and look-ups are made (their address, cache, timeout and
 * retries) may change, since the results that they had are journaled.
 */
export function stateHash(pipeline: Pipeline): string {
  return remembered(stateHashes, pipeline, () => hashOf({ ...pipeline, alerts: [], sinks: [] }, withShapeOfCalls));
}

/** Canonical text of a part of a plan, of what state depends on in it: see {@link stateHash}. */
export function stateText(value: object): string {
  return JSON.stringify(encodeValue(value), withShapeOfCalls);
}

function withShapeOfCalls(name: string, value: unknown): unknown {
  return name === 'options' ? shapeOf(value) : value;
}

/** Of the options of a call those that decide which operator makes it; none of those of a look-up. */
function shapeOf(options: unknown): unknown {
  const { asynchronous, volatile, pool } = options as Partial<CallOptions>;
  return asynchronous === undefined ? undefined : { asynchronous, volatile, pool };
}

function encodePipeline(pipeline: Pipeline): PipelineText {
  const nodes = new NodeList();
  const sources = pipeline.sources.map((source) => nodes.add(source));
  const outputs = pipeline.outputs.map((output) => encodeValue({ ...output, input: nodes.add(output.input) }));
  return {
    version: FORMAT_VERSION,
    name: pipeline.name,
    nodes: nodes.encoded,
    sources,
    outputs,
    sinks: pipeline.sinks.map(encodeValue),
    alerts: pipeline.alerts.map(encodeValue),
    modules: pipeline.modules.map(encodeValue),
  };
}

/** Numbers nodes in the order of first completion; nodes with the same text are one. */
class NodeList {
  readonly encoded: unknown[] = [];
  readonly #ids = new Map<PlanNode, number>();
  readonly #byText = new Map<string, number>();

  add(node: PlanNode): number {
    const known = this.#ids.get(node);
    if (known !== undefined) return known;
    const inputs = inputsOf(node).map((input) => this.add(input));
    const encoded = encodeValue({ ...node, input: undefined, inputs: undefined, left: undefined, right: undefined });
    const entry = { ...(encoded as object), from: inputs };
    const text = JSON.stringify(entry);
    let id = this.#byText.get(text);
    if (id === undefined) {
      id = this.encoded.push(entry) - 1;
      this.#byText.set(text, id);
    }
    this.#ids.set(node, id);
    return id;
  }
}

function decodeNodes(encoded: readonly unknown[]): PlanNode[] {
  const nodes: PlanNode[] = [];
  for (const entry of encoded) {
    const { from, ...rest } = entry as { readonly from: readonly number[] };
    const inputs = from.map((id) => nodes[id]!);
    const body = decodeValue(rest) as { kind: PlanNode['kind'] };
    nodes.push({ ...body, ...namedInputs(body.kind, inputs) } as unknown as PlanNode);
  }
  return nodes;
}

function namedInputs(kind: PlanNode['kind'], inputs: readonly PlanNode[]): object {
  if (kind === 'set-operation') return { inputs };
  if (kind === 'join' || kind === 'temporal-join') return { left: inputs[0], right: inputs[1] };
  return inputs.length === 0 ? {} : { input: inputs[0] };
}

/** JSON has no bigint, Decimal, bytes or special floats: they become objects with one key that begins with `$`. Keys are sorted, undefined is left out. */
export function encodeValue(value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: value.toString() };
  if (typeof value === 'number') {
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { $float: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(encodeValue);
  if (value instanceof Decimal) return { $decimal: value.toString() };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('hex') };
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]): [string, unknown] => [key, encodeValue(item)]);
  return entries.some(([key]) => key.startsWith('$') || key === '__proto__')
    ? { $entries: entries }
    : Object.fromEntries(entries);
}

/** The value that {@link encodeValue} made JSON of. */
export function decodeValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(decodeValue);
  const tagged = value as {
    $bigint?: string;
    $float?: string;
    $decimal?: string;
    $bytes?: string;
    $entries?: [string, unknown][];
  };
  if (tagged.$bigint !== undefined) return BigInt(tagged.$bigint);
  if (tagged.$float !== undefined) return Number(tagged.$float);
  if (tagged.$decimal !== undefined) return Decimal.parse(tagged.$decimal);
  if (tagged.$bytes !== undefined) return new Uint8Array(Buffer.from(tagged.$bytes, 'hex'));
  const entries = tagged.$entries ?? Object.entries(value);
  return Object.fromEntries(entries.map(([key, item]) => [key, decodeValue(item)]));
}

function requireVersion(version: number): void {
  if (version === FORMAT_VERSION) return;
  throw new HeadraceError(`reading a plan: format version ${version} is not known here`, {
    code: 'PLAN_FORMAT_UNKNOWN',
    domain: 'plan',
    next: 'run the version of Headrace that wrote it, or a newer one',
  });
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value;
  Object.freeze(value);
  for (const item of Object.values(value)) deepFreeze(item);
  return value;
}
