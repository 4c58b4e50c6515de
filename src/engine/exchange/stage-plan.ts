import { inputsOf } from '../../plan/factory.ts';
import type { AggregateNode, ExchangeNode, Pipeline, PlanNode, SourceNode } from '../../plan/node.ts';
import type { EmitMoment } from '../operator/operator.ts';
import { emitOf, variantOf } from '../task/emit-variant.ts';
import { isSingle } from './distribution.ts';

/** One stage of a pipeline: what runs between two exchanges, in so many tasks. */
export interface Stage {
  readonly index: number;
  readonly tasks: number;
}

/** Rows of a node on their way from the tasks of one stage to those of a later one, in a topic of their own. */
export interface ExchangeEdge {
  /** Among those of the pipeline. */
  readonly number: number;
  readonly topic: string;
  readonly node: ExchangeNode;
  /** The variant of the node below that is meant; see emit-variant.ts. */
  readonly emit: EmitMoment;
  /** The aggregate that takes partial rows. */
  readonly partialOf: AggregateNode | undefined;
  readonly outputName: string;
  readonly from: number;
  readonly to: number;
  /** The tasks of `from` that have the node. */
  readonly upstream: readonly number[];
  /** How many tasks of `to` take its rows: the first of them. */
  readonly downstream: number;
}

export interface StagePlan {
  readonly stages: readonly Stage[];
  readonly edges: readonly ExchangeEdge[];
}

const stages = new WeakMap<PlanNode, number>();

/** Of a pipeline with exchanges: how many of them the rows of a node have passed at most. */
export function stageOf(node: PlanNode): number {
  const known = stages.get(node);
  if (known !== undefined) return known;
  let stage = 0;
  for (const input of inputsOf(node)) stage = Math.max(stage, stageOf(input));
  if (node.kind === 'exchange') stage++;
  stages.set(node, stage);
  return stage;
}

/** The partition of an exchange's topic that one task of the earlier stage writes and one of the later reads. */
export function exchangePartition(edge: ExchangeEdge, upstream: number, downstream: number): number {
  return edge.upstream.indexOf(upstream) * edge.downstream + downstream;
}

/** Whether a task reads a partition of a source: each is read by one task, the same always. */
export function readsPartition(source: SourceNode, partition: number, task: number, tasks: number): boolean {
  return (isSingle(source) ? 0 : partition % tasks) === task;
}

/** The stages of a pipeline with exchanges (exchange-placement.ts). Pure. */
export function planStages(pipeline: Pipeline, options: StageOptions): StagePlan {
  return new StagePlanner(pipeline, options).plan();
}

export interface StageOptions {
  readonly workers: number;
  /** What the topics of exchanges begin with; their numbers follow. */
  readonly prefix: string;
  /** Of a source topic. */
  readonly partitions: (topic: string) => number;
}

class StagePlanner {
  readonly #pipeline: Pipeline;
  readonly #options: StageOptions;
  readonly #visited = new Map<PlanNode, Set<string>>();
  readonly #edges = new Map<string, ExchangeEdge>();
  readonly #ids = new Map<PlanNode, number>();
  readonly #tasks: number[] = [];

  constructor(pipeline: Pipeline, options: StageOptions) {
    this.#pipeline = pipeline;
    this.#options = options;
  }

  plan(): StagePlan {
    const nodes = new Set<PlanNode>();
    const collect = (node: PlanNode): void => {
      if (nodes.has(node)) return;
      nodes.add(node);
      for (const input of inputsOf(node)) collect(input);
    };
    for (const output of this.#pipeline.outputs) collect(output.input);
    const direct = new Set(this.#pipeline.outputs.map((output) => output.input));
    for (const node of nodes) {
      if (node.kind === 'exchange' && !direct.has(node)) continue;
      const stage = stageOf(node);
      this.#tasks[stage] = Math.max(this.#tasks[stage] ?? 1, this.#tasksOf(node, stage));
    }
    for (const output of this.#pipeline.outputs)
      this.#visitInput(output.input, stageOf(output.input), emitOf(output), output.name);
    const made = this.#tasks.map((tasks, index) => ({ index, tasks }));
    return { stages: made, edges: [...this.#edges.values()] };
  }

  #tasksOf(node: PlanNode, stage: number): number {
    if (isSingle(node)) return 1;
    const { workers, partitions } = this.#options;
    if (stage > 0) return workers;
    return node.kind === 'source' ? Math.min(workers, partitions(node.topic)) : 1;
  }

  #visitInput(input: PlanNode, stage: number, emit: EmitMoment, outputName: string, consumer?: PlanNode): void {
    if (input.kind !== 'exchange') {
      const variant = `${emit} ${stage}`;
      const visited = this.#visited.get(input) ?? new Set();
      if (visited.has(variant)) return;
      this.#visited.set(input, visited.add(variant));
      for (const below of inputsOf(input)) this.#visitInput(below, stageOf(input), emit, outputName, input);
      return;
    }
    this.#addEdge(input, stage, emit, outputName, consumer);
    this.#visitInput(input.input, stageOf(input.input), emit, outputName);
  }

  #addEdge(node: ExchangeNode, to: number, emit: EmitMoment, outputName: string, consumer?: PlanNode): void {
    const partialOf = node.partial === true && consumer?.kind === 'aggregate' ? consumer : undefined;
    const key = [this.#idOf(node), variantOf(node, emit), to, partialOf && this.#idOf(partialOf)].join('|');
    if (this.#edges.has(key)) return;
    const from = stageOf(node.input);
    const upstream = this.#upstreamOf(node.input, from);
    const downstream = node.keys.length === 0 ? 1 : this.#tasks[to]!;
    const number = this.#edges.size;
    const topic = `${this.#options.prefix}${number}`;
    this.#edges.set(key, { number, topic, node, emit, partialOf, outputName, from, to, upstream, downstream });
  }

  #idOf(node: PlanNode): number {
    const id = this.#ids.get(node) ?? this.#ids.size;
    this.#ids.set(node, id);
    return id;
  }

  /** The tasks in which rows of the node can come up. */
  #upstreamOf(node: PlanNode, stage: number): readonly number[] {
    const tasks = this.#tasks[stage]!;
    const all = Array.from({ length: tasks }, (_, task) => task);
    if (isSingle(node)) return [0];
    if (stage > 0) return all;
    return all.filter((task) => sourcesBelow(node).some((source) => this.#isReadBy(source, task, tasks)));
  }

  #isReadBy(source: SourceNode, task: number, tasks: number): boolean {
    const count = this.#options.partitions(source.topic);
    for (let p = 0; p < count; p++) if (readsPartition(source, p, task, tasks)) return true;
    return false;
  }
}

/** The sources that a node of the first stage reads. */
export function sourcesBelow(node: PlanNode): readonly SourceNode[] {
  if (node.kind === 'source') return [node];
  return [...new Set(inputsOf(node).flatMap(sourcesBelow))];
}
