import { HeadraceError } from '../../base/error.ts';
import { isAppendOnly } from '../../plan/changelog.ts';
import { nodeSignature } from '../../plan/comparison/node-signature.ts';
import { eventTimeLag } from '../../plan/event-time.ts';
import { nodeLabel } from '../../plan/explain.ts';
import { columnReference } from '../../plan/expression-factory.ts';
import { inputsOf } from '../../plan/factory.ts';
import type {
  AggregateNode,
  ExchangeNode,
  OutputNode,
  Pipeline,
  PlanNode,
  SourceNode,
  TemporalJoinNode,
  ValuesNode,
  WindowNode,
} from '../../plan/node.ts';
import { stateText } from '../../plan/pipeline-text.ts';
import { LookupOperator } from '../effect/lookup-operator.ts';
import { UserCallOperator } from '../effect/user-call.ts';
import type { BlockSink } from '../exchange/block-sink.ts';
import { isSingle, keyText } from '../exchange/distribution.ts';
import { ExchangeSink } from '../exchange/exchange-sink.ts';
import { type ExchangeEdge, type StagePlan, stageOf } from '../exchange/stage-plan.ts';
import { AggregateOperator } from '../operator/aggregate/aggregate.ts';
import type { AggregateOptions } from '../operator/aggregate/aggregate-options.ts';
import { PartialAggregateOperator } from '../operator/aggregate/partial-aggregate.ts';
import { planPartial } from '../operator/aggregate/partial-plan.ts';
import { ChangingDeduplicateOperator } from '../operator/changing-deduplicate.ts';
import { DeduplicateOperator } from '../operator/deduplicate.ts';
import { type ExpressionReport, reportExpressions } from '../operator/expression-report.ts';
import { FilterOperator } from '../operator/filter.ts';
import { JoinOperator } from '../operator/join/join.ts';
import { TemporalJoinOperator } from '../operator/join/temporal-join.ts';
import { ChangingMatchOperator } from '../operator/match/changing-match.ts';
import { MatchOperator } from '../operator/match/match.ts';
import type { EmitMoment, Operator } from '../operator/operator.ts';
import { OutputOperator } from '../operator/output.ts';
import { OverOperator } from '../operator/over/over.ts';
import { ProjectOperator } from '../operator/project.ts';
import { limitOperator, PassOperator } from '../operator/rank/limit.ts';
import { topNOperator } from '../operator/rank/top-n.ts';
import type { RecordSink } from '../operator/record-sink.ts';
import type { ExpressionContext } from '../operator/row-evaluator.ts';
import { rowSetOperator } from '../operator/set/kernel-distinct.ts';
import { UnionAllOperator } from '../operator/set/union-all.ts';
import { ValuesOperator } from '../operator/set/values.ts';
import { ChangesOperator } from '../operator/source/changes.ts';
import { TableFunctionOperator } from '../operator/table/table-function.ts';
import { HoppingWindowOperator } from '../operator/window/hopping.ts';
import { sessionAggregate } from '../operator/window/kernel-sessions.ts';
import { SessionWindowOperator } from '../operator/window/session.ts';
import { planSessionAggregate, SessionAggregateOperator } from '../operator/window/session-aggregate.ts';
import { TumblingWindowOperator } from '../operator/window/tumbling.ts';
import { columnsNeeded } from './columns-needed.ts';
import { emitOf, variantOf } from './emit-variant.ts';

/** One operator in the graph of a task. */
export interface Vertex {
  readonly id: string;
  readonly kind: string;
  readonly label: string;
  /** Undefined for a source: the task decodes it. */
  readonly operator: Operator | undefined;
  readonly source: SourceNode | undefined;
  /** What it reads from an earlier stage, or sends to a later one. */
  readonly edge: ExchangeEdge | undefined;
  /** Undefined for an output. */
  readonly node: PlanNode | undefined;
  /** What it computes, and who runs it. */
  readonly expressions: readonly ExpressionReport[];
  /** What its state depends on, by itself and below: the state of an operator serves one of the same shape. */
  readonly shape: string;
  /** Vertices that feed it, by input. */
  readonly inputs: readonly Vertex[];
  readonly outputs: { readonly vertex: Vertex; readonly input: number }[];
}

export interface CompileServices {
  readonly expressions: ExpressionContext;
  readonly sink: (topic: string) => RecordSink;
  /** Where blocks for the tasks of a later stage go. */
  readonly blocks?: (edge: ExchangeEdge) => BlockSink;
}

/** Which part of a pipeline a task runs. */
export interface TaskPart {
  readonly plan: StagePlan;
  readonly stage: number;
  readonly task: number;
}

/**
 * The operators of a pipeline, every one after those that feed it; with a `part`, those of one task. A node that several outputs share is
 * made once.
 */
export function compilePipeline(pipeline: Pipeline, services: CompileServices, part?: TaskPart): readonly Vertex[] {
  const compiler = new Compiler(pipeline, services, part);
  for (const output of pipeline.outputs) if (compiler.has(output.input)) compiler.output(output);
  for (const edge of part?.plan.edges ?? []) {
    if (edge.from === part!.stage && edge.upstream.includes(part!.task)) compiler.exchange(edge);
  }
  return compiler.vertices;
}

class Compiler {
  readonly vertices: Vertex[] = [];
  readonly #services: CompileServices;
  readonly #made = new Map<PlanNode, Map<string, Vertex>>();
  readonly #retracts: ReadonlySet<PlanNode>;
  readonly #needed: ReadonlyMap<PlanNode, ReadonlySet<number>>;
  readonly #ids = new Map<string, number>();
  readonly #part: TaskPart | undefined;
  readonly #sources: readonly SourceNode[];

  constructor(pipeline: Pipeline, services: CompileServices, part: TaskPart | undefined) {
    this.#services = services;
    this.#part = part;
    this.#sources = sourcesOfPipeline(pipeline);
    this.#retracts = nodesThatRetract(pipeline.outputs);
    this.#needed = columnsNeeded(pipeline);
  }

  /** Whether the task runs the node. */
  has(node: PlanNode): boolean {
    const part = this.#part;
    return part === undefined || (stageOf(node) === part.stage && (part.task === 0 || !isSingle(node)));
  }

  output(node: OutputNode): void {
    const input = this.#vertexOf(node.input, emitOf(node), node.name);
    const operator = new OutputOperator(node, this.#services.sink(node.topic));
    const { name, topic, mode, keys, numbered } = node;
    const shape = stateText(['output', name, topic, mode, keys, numbered ?? false, emitOf(node)]);
    this.#add({ base: `output:${name}`, kind: 'output', label: `${mode} into ${topic}`, operator, shape }, [input]);
  }

  /** Sends what the node below the exchange makes to the next stage: as it is, or as partial rows of the aggregate that follows. */
  exchange(edge: ExchangeEdge): void {
    const { node, emit, outputName, partialOf, topic } = edge;
    const { expressions, blocks } = this.#services;
    let input = this.#vertexOf(node.input, emit, outputName);
    let { columns } = node;
    let { keys } = node;
    let sent = [...this.#needed.get(node)!];
    if (partialOf !== undefined) {
      const options = this.#aggregateOptions(partialOf, emit);
      const plan = planPartial(options)!;
      const operator = new PartialAggregateOperator(options, plan);
      const label = `groups of the epoch for ${nodeLabel(partialOf)}`;
      input = this.#add({ base: `partial:${outputName}`, kind: 'partial', label, node: partialOf, operator }, [input]);
      columns = plan.columns;
      const groups = partialOf.groups.map(keyText);
      keys = node.keys.map((key) => columnReference(plan.columns, groups.indexOf(keyText(key))));
      sent = [...columns.keys()];
    }
    const sink = blocks!(edge);
    const tasks = edge.downstream;
    sent.sort((a, b) => a - b);
    const operator = new ExchangeSink({ sink, columns, sent, keys, tasks, sources: this.#sources, expressions });
    const label = `${nodeLabel(node)} into ${topic}`;
    this.#add({ base: `exchange:${edge.number}`, kind: 'exchange', label, operator, edge }, [input]);
  }

  /** What comes from an earlier stage. */
  #received(node: ExchangeNode, emit: EmitMoment, consumer: PlanNode | undefined): Vertex {
    const { plan, stage } = this.#part!;
    const partialOf = node.partial === true ? consumer : undefined;
    const edge = plan.edges.find(
      (one) =>
        one.node === node &&
        one.to === stage &&
        one.partialOf === partialOf &&
        variantOf(node, one.emit) === variantOf(node, emit),
    )!;
    const label = `from ${edge.topic}`;
    const columns =
      partialOf?.kind === 'aggregate' ? planPartial(this.#aggregateOptions(partialOf, emit))!.columns : node.columns;
    return this.#add(
      { base: `received:${edge.number}`, kind: 'received', label, edge, node: { ...node, columns } },
      [],
    );
  }

  #aggregateOptions(node: AggregateNode, emit: EmitMoment): AggregateOptions {
    const appendOnly = isAppendOnly(node.input, emit);
    return { node, emit, appendOnly, retracts: this.#retracts.has(node), expressions: this.#services.expressions };
  }

  #add(
    made: {
      base: string;
      kind: string;
      label: string;
      operator?: Operator;
      source?: SourceNode;
      edge?: ExchangeEdge;
      node?: PlanNode;
      shape?: string;
    },
    inputs: readonly Vertex[],
  ): Vertex {
    const { base, kind, label, operator, source, edge, node, shape = '' } = made;
    const count = (this.#ids.get(base) ?? 0) + 1;
    this.#ids.set(base, count);
    const id = count === 1 ? base : `${base}:${count}`;
    const isByRow =
      operator instanceof SessionAggregateOperator || (operator instanceof AggregateOperator && !operator.runsInKernel);
    const expressions = node === undefined ? [] : reportExpressions(node, isByRow);
    const vertex: Vertex = { id, kind, label, operator, source, edge, node, expressions, shape, inputs, outputs: [] };
    inputs.forEach((input, at) => {
      input.outputs.push({ vertex, input: at });
    });
    this.vertices.push(vertex);
    return vertex;
  }

  #vertexOf(node: PlanNode, emit: EmitMoment, outputName: string, consumer?: PlanNode): Vertex {
    if (node.kind === 'exchange' && node.partial === true) return this.#received(node, emit, consumer);
    const variant = variantOf(node, emit);
    const known = this.#made.get(node)?.get(variant);
    if (known !== undefined) return known;
    const vertex = this.#newVertex(node, emit, outputName, consumer);
    const variants = this.#made.get(node) ?? new Map<string, Vertex>();
    this.#made.set(node, variants.set(variant, vertex));
    return vertex;
  }

  #newVertex(node: PlanNode, emit: EmitMoment, outputName: string, consumer: PlanNode | undefined): Vertex {
    if (this.#part !== undefined && this.#part.task > 0 && isSingle(node)) return this.#absent(node, outputName);
    if (node.kind === 'source') return this.#source(node);
    return node.kind === 'exchange' ? this.#received(node, emit, consumer) : this.#step(node, emit, outputName);
  }

  /** What only the first task has, beside what all have: no rows here. */
  #absent(node: PlanNode, outputName: string): Vertex {
    const nothing: ValuesNode = { kind: 'values', rows: [], columns: node.columns };
    const operator = new ValuesOperator(nothing, this.#services.expressions);
    return this.#add({ base: `absent:${outputName}`, kind: 'values', label: 'rows of the first task', operator }, []);
  }

  #step(node: PlanNode, emit: EmitMoment, outputName: string): Vertex {
    const sessions = node.kind === 'aggregate' ? planSessionAggregate(node) : undefined;
    const below = sessions === undefined ? inputsOf(node) : [sessions.window.input];
    const inputs = below.map((input) => this.#vertexOf(input, emit, outputName, node));
    const { expressions } = this.#services;
    const operator =
      sessions === undefined
        ? this.#operatorOf(node, emit)
        : sessionAggregate(sessions, { emit, appendOnly: isAppendOnly(below[0]!, emit), expressions });
    return this.#add(
      {
        base: `${node.kind}:${outputName}`,
        kind: node.kind,
        label: nodeLabel(node),
        node,
        operator,
        shape: this.#shapeOf(node, emit),
      },
      inputs,
    );
  }

  /** What is kept also depends on what those that follow read of it, and on whether they must be told what to take back. */
  #shapeOf(node: PlanNode, emit: EmitMoment): string {
    const isJoin = node.kind === 'join' || node.kind === 'temporal-join';
    const read = isJoin ? [...(this.#needed.get(node) ?? [])].sort((a, b) => a - b) : [];
    return stateText([node.kind, nodeSignature(node), variantOf(node, emit), this.#retracts.has(node), read]);
  }

  /** The source; and for one of changes, what makes rows of them. */
  #source(node: SourceNode): Vertex {
    const label = nodeLabel(node);
    const signature = nodeSignature(node);
    const shape = stateText(['source', signature]);
    const source = this.#add({ base: `source:${node.name}`, kind: 'source', label, node, source: node, shape }, []);
    if (node.changes === undefined) return source;
    const operator = new ChangesOperator(node, node.changes);
    const table = { base: `table:${node.name}`, kind: 'table', label: `rows of ${label}`, node, operator };
    return this.#add({ ...table, shape: stateText(['table', signature]) }, [source]);
  }

  #operatorOf(node: PlanNode, emit: EmitMoment): Operator {
    const { expressions } = this.#services;
    switch (node.kind) {
      case 'filter':
        return new FilterOperator(node, expressions);
      case 'project':
        return new ProjectOperator(node, expressions);
      case 'window':
        return windowOperator(node, emit);
      case 'deduplicate': {
        const judgesLateness = sourcesOf(node).every((source) => source.watermark !== undefined);
        return isAppendOnly(node.input, emit)
          ? new DeduplicateOperator(node, judgesLateness)
          : new ChangingDeduplicateOperator(node, judgesLateness);
      }
      case 'aggregate': {
        const options = this.#aggregateOptions(node, emit);
        const isMerging = node.input.kind === 'exchange' && node.input.partial === true;
        return new AggregateOperator(isMerging ? { ...options, merges: planPartial(options)! } : options);
      }
      case 'top-n':
        return topNOperator({ node, emit, appendOnly: isAppendOnly(node.input, emit), expressions });
      case 'limit':
        return limitOperator(node, { emit, appendOnly: isAppendOnly(node.input, emit), expressions });
      case 'sort':
        return new PassOperator();
      case 'lookup':
        return new LookupOperator(node, askingInput(node.input, emit), expressions);
      case 'user-call':
        return new UserCallOperator(node, askingInput(node.input, emit), expressions);
      case 'distinct':
        return rowSetOperator(node, isAppendOnly(node.input, emit));
      case 'set-operation':
        if (node.operation === 'union' && node.all) return new UnionAllOperator(node);
        return rowSetOperator(
          node,
          node.inputs.every((input) => isAppendOnly(input, emit)),
        );
      case 'values':
        return new ValuesOperator(node, expressions);
      case 'over':
        return new OverOperator({ node, emit, expressions });
      case 'table-function':
        return new TableFunctionOperator(node, expressions);
      case 'temporal-join':
        return temporalJoin(node, emit, this.#needed.get(node), expressions);
      case 'match':
        return isAppendOnly(node.input, emit)
          ? new MatchOperator(node, expressions)
          : new ChangingMatchOperator(node, expressions);
      case 'join':
        return new JoinOperator({ node, emit, read: this.#needed.get(node), expressions });
      default:
        throw unsupported(node.kind);
    }
  }
}

function askingInput(input: PlanNode, emit: EmitMoment) {
  return { sources: [...new Set(sourcesOf(input))], appendOnly: isAppendOnly(input, emit) };
}

function windowOperator(node: WindowNode, emit: EmitMoment): Operator {
  const { window } = node;
  switch (window.kind) {
    case 'tumbling':
      return new TumblingWindowOperator(node, window);
    case 'hopping':
      return new HoppingWindowOperator(node, window);
    case 'session':
      return new SessionWindowOperator(node, window, emit);
  }
}

function temporalJoin(
  node: TemporalJoinNode,
  emit: EmitMoment,
  read: ReadonlySet<number> | undefined,
  expressions: ExpressionContext,
): Operator {
  const lag = node.times === undefined ? undefined : eventTimeLag(node.left, node.times.left);
  const hasWatermarks = sourcesOf(node).every((source) => source.watermark !== undefined);
  const lagUs = hasWatermarks ? lag : undefined;
  return new TemporalJoinOperator({ node, lagUs, leftChanges: !isAppendOnly(node.left, emit), read, expressions });
}

function unsupported(what: string): HeadraceError {
  return new HeadraceError(`planning a pipeline: ${what} does not run as a stream`, {
    code: 'ENGINE_NODE_UNSUPPORTED',
    domain: 'engine',
    next: 'ask it as a query over the result table instead',
  });
}

/** The sources that the outputs of a pipeline read, in a fixed order. */
export function sourcesOfPipeline({ outputs }: Pipeline): readonly SourceNode[] {
  return [...new Set(outputs.flatMap((output) => sourcesOf(output.input)))];
}

export function sourcesOf(node: PlanNode): readonly SourceNode[] {
  return node.kind === 'source' ? [node] : inputsOf(node).flatMap(sourcesOf);
}

/**
 * Aggregates whose old rows must be taken back before new ones come: all but those that reach upsert outputs through
 * projections alone, where the key of the output tells which row is replaced.
 */
function nodesThatRetract(outputs: readonly OutputNode[]): ReadonlySet<PlanNode> {
  const found = new Set<PlanNode>();
  const visit = (node: PlanNode, replaces: boolean): void => {
    if (node.kind === 'aggregate' && !replaces) found.add(node);
    for (const input of inputsOf(node)) visit(input, replaces && node.kind === 'project');
  };
  for (const output of outputs) visit(output.input, output.mode === 'upsert' && keepsGroupKey(output));
  return found;
}

/** Whether the key of the output is all of the group key below it, so that a new row replaces the old one of its group. */
function keepsGroupKey(output: OutputNode): boolean {
  let keys = new Set(output.keys);
  let node = output.input;
  while (node.kind === 'project') {
    const through = new Set<number>();
    for (const key of keys) {
      const expression = node.expressions[key]!;
      if (expression.kind !== 'column') return false;
      through.add(expression.index);
    }
    keys = through;
    node = node.input;
  }
  if (node.kind !== 'aggregate') return true;
  for (const key of keys) if (key >= node.groups.length) return false;
  return keys.size === node.groups.length;
}
