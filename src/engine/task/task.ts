import { ByteReader, ByteWriter, utf8 } from '../../base/bytes.ts';
import { HeadraceError } from '../../base/error.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { TOPIC_PARTITIONS_MAX } from '../../log/limits.ts';
import type { Append } from '../../log/log.ts';
import type { Pipeline, SourceNode } from '../../plan/node.ts';
import { stateHash } from '../../plan/pipeline-text.ts';
import type { Asking } from '../effect/effect.ts';
import { type EpochEffects, TaskAsks } from '../effect/task-asks.ts';
import { BlockSink } from '../exchange/block-sink.ts';
import type { FetchRecord } from '../exchange/exchange-source.ts';
import { type ExchangeEdge, exchangePartition } from '../exchange/stage-plan.ts';
import type { RowOrigin } from '../operator/batch.ts';
import type { RowLetter } from '../operator/operator.ts';
import { RecordSink } from '../operator/record-sink.ts';
import type { ExpressionContext } from '../operator/row-evaluator.ts';
import { snapshotAtOnce } from '../operator/snapshot-at-once.ts';
import type { TopicOffset } from '../version/pipeline-record.ts';
import { columnsNeeded } from './columns-needed.ts';
import { compilePipeline, sourcesOf, sourcesOfPipeline, type TaskPart, type Vertex } from './compile.ts';
import { Dataflow } from './dataflow.ts';
import {
  ENGINE_SEMANTICS_VERSION,
  type InputRange,
  type JournalRecord,
  type OutputChecksum,
  type VersionHashes,
} from './journal.ts';
import { LetterBox } from './letter-box.ts';
import { deadLetterOf } from './row-letter.ts';
import { badSnapshot } from './snapshot-error.ts';
import type { SnapshotSection } from './snapshot-store.ts';
import { openSource } from './source-opening.ts';
import { StageMarks } from './stage-marks.ts';
import { TaskMemory } from './task-memory.ts';
import { type SnapshotPart, TaskSnapshot } from './task-snapshot.ts';
import type { TaskInput } from './task-source.ts';
import type { TaskStatus } from './task-status.ts';
import { WorkClock } from './work-clock.ts';

const STATE_FORMAT = 3;

/** Bytes of record batches for one epoch, in kernel memory until `read` is called again. */
export interface InputChunk {
  readonly address: number;
  readonly length: number;
  /** End of the range so far: the offset after the last record in it. */
  readonly to: number;
}

/** What an epoch is to do; from the loop when live, from the journal when replaying. */
export interface EpochPlan {
  readonly epoch: number;
  readonly clockMs: number;
  readonly idle: readonly number[];
  /** Closes every window that is open when its input has been processed. */
  readonly end: boolean;
  /** The run is over bounded input: nothing is too far in the future. */
  readonly bounded: boolean;
  /** Answers that enter with the epoch, by operator. */
  readonly effects?: EpochEffects | undefined;
  /** What waits for the wall clock comes out now. */
  readonly flush?: boolean;
  /** How far event time has come at least (µs, as text), by source: as another version, or another task, had it. */
  readonly watermarks?: Readonly<Record<string, string>> | undefined;
  /** It is one of the journal: nothing but its effects comes from outside. */
  readonly replay?: boolean;
  /** Reads the next chunk of an input, undefined when its share of the epoch is used up. The arena was reset before. */
  readonly read: (input: number) => InputChunk | undefined;
}

export interface EpochResult {
  readonly record: JournalRecord;
  readonly appends: readonly Append[];
  readonly rows: number;
  /** Dead letters written, by reason. */
  readonly deadLetters: Readonly<Record<string, number>>;
}

export interface TaskOptions {
  /** Measures the work of operators, milliseconds; results do not depend on it. */
  readonly monotonicMs?: () => number;
  readonly pipeline: Pipeline;
  readonly kernel: Kernel;
  /** Partitions of an input topic. */
  readonly partitions: (topic: string) => number;
  readonly outputPartitions: (topic: string) => number;
  readonly userFunction: ExpressionContext['userFunction'];
  /** What its calls leave in the journal. */
  readonly functions?: Asking;
  /** Of a pipeline in several tasks. */
  readonly part?: TaskPart;
  /** Reads a record of a source again, for a dead letter. */
  readonly fetch?: FetchRecord;
}

/**
 * The deterministic core: a pure function of input bytes and journaled decisions, without clock, disk or thread of its
 * own. The loop around it chooses inputs and commits results.
 */
export class Task {
  readonly pipeline: Pipeline;
  readonly inputs: readonly TaskInput[];
  readonly versions: VersionHashes;
  readonly #kernel: Kernel;
  readonly #flow: Dataflow;
  readonly #marks: StageMarks;
  /** What goes to the next stage. */
  readonly #blocks: BlockSink[] = [];
  /** All that the outputs of the pipeline read. */
  readonly #pipelineSources: readonly SourceNode[];
  readonly #sinks = new Map<string, RecordSink>();
  readonly #positions: number[];
  readonly #letters = new LetterBox();
  readonly #work: WorkClock;
  readonly #memory: TaskMemory;
  /** The operators whose results come from outside. */
  readonly asks: TaskAsks;
  #clockMs = 0;
  #epoch = 0;
  #lateRows = 0;
  #letterCounts: Record<string, number> = {};

  constructor(options: TaskOptions) {
    this.pipeline = options.pipeline;
    this.#kernel = options.kernel;
    this.versions = {
      engine: ENGINE_SEMANTICS_VERSION,
      plan: stateHash(options.pipeline),
      modules: options.pipeline.modules.map((module) => module.hash),
    };
    const clockMs = (): number => this.#clockMs;
    this.#pipelineSources = sourcesOfPipeline(options.pipeline);
    const services = {
      expressions: { clockMs, userFunction: options.userFunction },
      sink: (topic: string) => this.#sinkOf(topic, options.outputPartitions(topic)),
      blocks: (edge: ExchangeEdge) => this.#blockSinkOf(edge, options.part!.task),
    };
    const vertices = compilePipeline(options.pipeline, services, options.part);
    this.#work = new WorkClock(vertices.length, options.monotonicMs ?? (() => 0));
    this.#flow = new Dataflow(vertices, options.kernel, this.#work);
    this.#memory = new TaskMemory(options.pipeline.name, options.kernel, vertices, this.#work);
    this.asks = new TaskAsks(vertices, options.functions);
    this.inputs = this.#open(options);
    this.#positions = this.inputs.map(() => 0);
    const { inputs, asks } = this;
    const [flow, sources, positions] = [this.#flow, this.#pipelineSources, this.#positions];
    this.#marks = new StageMarks({ flow, asks, sources, inputs, positions });
  }

  /** Opens the operators and sources; returns the partitions that they read. */
  #open(options: TaskOptions): readonly TaskInput[] {
    const needed = columnsNeeded(options.pipeline);
    const inputs: TaskInput[] = [];
    for (const vertex of this.#flow.vertices) {
      const context = {
        kernel: this.#kernel,
        emit: this.#flow.emitOf(vertex),
        deadLetter: (letter: RowLetter) => this.#deadLetter(vertex, letter),
        clockMs: () => this.#clockMs,
      };
      vertex.operator?.open(context);
      const opened = openSource(vertex, { ...options, context, needed, sources: this.#pipelineSources });
      if (opened === undefined) continue;
      this.#flow.addSource(vertex, opened.source);
      const { topic } = opened;
      const place = this.#flow.placeOf(vertex);
      for (const partition of opened.partitions) {
        inputs.push({ source: vertex.source, vertex: place, topic, partition });
      }
    }
    return inputs;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Next offset of each input. */
  get positions(): readonly number[] {
    return this.#positions;
  }

  setPosition(input: number, offset: number): void {
    this.#positions[input] = offset;
  }

  get clockMs(): number {
    return this.#clockMs;
  }

  #sinkOf(topic: string, partitions: number): RecordSink {
    const known = this.#sinks.get(topic);
    if (known !== undefined) return known;
    const made = new RecordSink(topic, partitions);
    this.#sinks.set(topic, made);
    return made;
  }

  #blockSinkOf(edge: ExchangeEdge, task: number): BlockSink {
    const partitions = Array.from({ length: edge.downstream }, (_, target) => exchangePartition(edge, task, target));
    const made = new BlockSink(edge.topic, partitions, this.#kernel);
    this.#blocks.push(made);
    return made;
  }

  #deadLetter(vertex: Vertex, letter: RowLetter): void {
    const { row, reason, batch } = letter;
    if (reason === 'late') this.#lateRows++;
    this.#letterCounts[reason] = (this.#letterCounts[reason] ?? 0) + 1;
    const { origin } = batch;
    const from = { pipeline: this.pipeline.name, clockMs: this.#clockMs };
    this.#letters.add({
      input: this.#inputOf(origin),
      offset: origin?.offset(row) ?? 0,
      vertex: this.#flow.placeOf(vertex),
      value: utf8(JSON.stringify(deadLetterOf(this.#kernel, vertex, letter, from))),
    });
  }

  /** By what letters are sorted first: the input, or the partition of a source that another task read. */
  #inputOf(origin: RowOrigin | undefined): number {
    if (origin === undefined) return -1;
    const { source, partition } = origin;
    const own = this.inputs.findIndex((input) => input.source === source && input.partition === partition);
    if (own >= 0) return own;
    return this.inputs.length + this.#pipelineSources.indexOf(source) * TOPIC_PARTITIONS_MAX + partition;
  }

  /** Id of the operator that reads an input. */
  operatorOf(input: number): string {
    return this.#flow.vertices[this.inputs[input]!.vertex]!.id;
  }

  /** Processes one epoch. Throws when the pipeline cannot go on; its state is then to be discarded. */
  runEpoch(plan: EpochPlan): EpochResult {
    return this.#memory.within(() => this.#runEpoch(plan));
  }

  #runEpoch(plan: EpochPlan): EpochResult {
    if (plan.epoch !== this.#epoch + 1) throw outOfOrder(plan.epoch, this.#epoch);
    this.#clockMs = Math.max(this.#clockMs, plan.clockMs);
    this.asks.begin(plan.effects ?? {}, plan.replay ?? false);
    const ranges: InputRange[] = [];
    let rows = 0;
    for (let i = 0; i < this.inputs.length; i++) {
      const from = this.#positions[i]!;
      const read = this.#readInput(i, plan);
      const to = this.#positions[i]!;
      rows += read.rows;
      const { topic, partition } = this.inputs[i]!;
      const { bytes, pieces } = read;
      if (to > from) ranges.push({ topic, partition, from, to, bytes, ...(pieces.length > 1 && { pieces }) });
    }
    this.#finishEpoch(plan);
    this.#epoch = plan.epoch;
    const { appends, outputs } = this.#takeOutputs();
    const { epoch, idle, end, bounded, flush, watermarks } = plan;
    const effects = this.asks.taken();
    const decided = {
      epoch,
      clockMs: this.#clockMs,
      ranges,
      idle,
      end,
      bounded,
      ...(effects && { effects }),
      ...(flush && { flush }),
      ...(watermarks && { watermarks }),
    };
    const record = { ...decided, outputs, versions: this.versions };
    const deadLetters = this.#letterCounts;
    this.#letterCounts = {};
    return { record, appends, rows, deadLetters };
  }

  #readInput(index: number, plan: EpochPlan): { rows: number; bytes: number; pieces: readonly number[] } {
    const input = this.inputs[index]!;
    const vertex = this.#flow.vertices[input.vertex]!;
    const source = this.#flow.sources.get(vertex)!;
    let rows = 0;
    let bytes = 0;
    const pieces: number[] = [];
    for (;;) {
      this.#kernel.arenaReset();
      const chunk = plan.read(index);
      if (chunk === undefined) return { rows, bytes, pieces };
      const from = this.#positions[index]!;
      const { address, length, to } = chunk;
      const { bounded } = plan;
      this.#work.begin(this.#flow.placeOf(vertex));
      const taken = source.process({ partition: input.partition, address, length, from, to, bounded });
      this.#work.end();
      this.#flow.countIn(vertex, taken);
      rows += taken;
      bytes += length;
      pieces.push(length);
      this.#positions[index] = to;
      this.#memory.check();
    }
  }

  #finishEpoch(plan: EpochPlan): void {
    const idle = new Set(plan.idle);
    for (const [vertex, source] of this.#flow.sources) {
      const place = this.#flow.placeOf(vertex);
      const own = [...idle].map((at) => this.inputs[at]!).filter((input) => input.vertex === place);
      const silent = new Set(own.map(({ partition }) => partition));
      source.advance(this.#clockMs, (partition) => silent.has(partition));
      const raised = plan.watermarks && leastOf(plan.watermarks, sourcesRead(vertex));
      if (raised !== undefined) source.raise(raised);
    }
    this.#flow.passWatermarks();
    if (plan.end) this.#flow.closeWindows();
    if (plan.flush) this.#flow.flush();
    this.#marks.mark();
    this.#kernel.arenaReset();
    this.#memory.check();
  }

  #takeOutputs(): { appends: Append[]; outputs: OutputChecksum[] } {
    const appends: Append[] = [];
    const outputs: OutputChecksum[] = [];
    for (const sink of [...this.#sinks.values(), ...this.#blocks, this.#letters.empty(this.#clockMs)]) {
      const taken = sink.take();
      if (taken === undefined) continue;
      appends.push(...taken.appends);
      outputs.push(taken.checksum);
    }
    return { appends, outputs };
  }

  /** Where the log must still be kept: what the task reads, and what it may read again for dead letters. */
  neededFrom(): readonly TopicOffset[] {
    return this.#marks.neededFrom();
  }

  /** Whether the end of the input would bring out anything that waits. */
  get holdsBack(): boolean {
    return this.#flow.holdsBack;
  }

  /** Whether anything waits for the wall clock alone, whatever event time is. */
  get waitsForClock(): boolean {
    return this.#flow.waitsForClock;
  }

  /** Wall clock at which an idle pipeline closes its next window; undefined when nothing waits for the clock. */
  nextTimerMs(): number | undefined {
    return this.#flow.nextTimerMs();
  }

  /** The watermark of one input alone. */
  watermarkOf(input: number): bigint {
    const { vertex, partition } = this.inputs[input]!;
    return this.#flow.sources.get(this.#flow.vertices[vertex]!)!.ofPartition(partition);
  }

  /**
   * Begins a snapshot of the state as it is now. Its parts are written while epochs go on; `end` must be called. `deltas`: the operators
   * that need to write only what has changed since the last one, which was kept.
   */
  beginSnapshot(deltas: ReadonlySet<number>): TaskSnapshot {
    const writer = new ByteWriter(new Uint8Array(4 * 1024));
    this.#writeHeader(writer);
    const parts: SnapshotPart[] = [];
    this.#flow.vertices.forEach((vertex, at) => {
      const { operator } = vertex;
      if (operator === undefined) return;
      const staged = operator.stageSnapshot?.(deltas.has(at)) ?? snapshotAtOnce(operator);
      parts.push({ at, staged });
    });
    return new TaskSnapshot(writer.written().slice(), parts, this.#memory);
  }

  #writeHeader(writer: ByteWriter): void {
    writer.u8(STATE_FORMAT);
    writer.u64(this.#epoch);
    writer.u64(this.#clockMs);
    writer.u64(this.#lateRows);
    writer.varint(this.inputs.length);
    this.inputs.forEach((input, i) => {
      writer.text(input.topic);
      writer.varint(input.partition);
      writer.u64(this.#positions[i]!);
    });
    this.#flow.snapshot(writer);
  }

  get vertices(): readonly Vertex[] {
    return this.#flow.vertices;
  }

  /** The first section of a snapshot of the state as it is. */
  header(): Uint8Array {
    const writer = new ByteWriter(new Uint8Array(4 * 1024));
    this.#writeHeader(writer);
    return writer.written().slice();
  }

  /** As another version of the pipeline has it: where it reads, event time, and counts; `places` are those of operators, its to ours. */
  adopt(other: Task, places: ReadonlyMap<number, number>): void {
    this.#epoch = Math.max(this.#epoch, other.#epoch);
    this.#clockMs = Math.max(this.#clockMs, other.#clockMs);
    this.#lateRows = Math.max(this.#lateRows, other.#lateRows);
    for (const [theirs, ours] of places) {
      const [from, to] = [other.vertices[theirs]!, this.vertices[ours]!];
      this.#flow.adoptCounts(other.#flow, from, to);
      const source = other.#flow.sources.get(from);
      if (source === undefined) continue;
      const writer = new ByteWriter(new Uint8Array(1024));
      source.snapshot(writer);
      this.#flow.sources.get(to)!.restore(new ByteReader(writer.written().slice()));
      this.inputs.forEach((input, at) => {
        const same = (one: TaskInput): boolean =>
          one.vertex === theirs && one.topic === input.topic && one.partition === input.partition;
        const known = other.inputs.findIndex(same);
        if (input.vertex === ours && known >= 0) this.#positions[at] = other.#positions[known]!;
      });
    }
  }

  /** Sections as {@link TaskSnapshot} gave them. @throws HeadraceError `ENGINE_SNAPSHOT_INVALID` */
  restore(sections: Iterable<SnapshotSection>): void {
    this.#memory.within(() => {
      let first = true;
      for (const { operator, bytes } of sections) {
        if (first !== (operator === undefined)) throw badSnapshot('what the task keeps does not come first');
        if (operator === undefined) this.restoreHeader(new ByteReader(bytes));
        else this.#restoreOperator(operator, new ByteReader(bytes));
        first = false;
      }
      if (first) throw badSnapshot('it is empty');
    });
  }

  #restoreOperator(at: number, reader: ByteReader): void {
    const operator = this.#flow.vertices[at]?.operator;
    if (operator === undefined) throw badSnapshot('a part belongs to no operator');
    this.#work.begin(at);
    operator.restore(reader);
    this.#work.end();
  }

  /** Where the state of a snapshot had come to, of its first section. @throws HeadraceError `ENGINE_SNAPSHOT_INVALID` */
  restoreHeader(reader: ByteReader): void {
    if (reader.u8() !== STATE_FORMAT) throw badSnapshot('its format is not known');
    this.#epoch = reader.u64();
    this.#clockMs = reader.u64();
    this.#lateRows = reader.u64();
    let inputs = reader.unsigned();
    while (inputs-- > 0) {
      const topic = reader.text();
      const partition = reader.unsigned();
      const position = reader.u64();
      let found = false;
      this.inputs.forEach((input, at) => {
        if (input.topic !== topic || input.partition !== partition) return;
        this.#positions[at] = position;
        found = true;
      });
      if (!found) throw badSnapshot(`partition ${topic}/${partition} is no input`);
    }
    this.#flow.restore(reader);
  }

  status(): TaskStatus {
    return { epoch: this.#epoch, lateRows: this.#lateRows, ...this.#flow.status() };
  }

  close(): void {
    this.#flow.close();
  }
}

/** The sources whose event time a vertex that reads goes by. */
function sourcesRead({ source, edge }: Vertex): readonly SourceNode[] {
  return source === undefined ? sourcesOf(edge!.node.input) : [source];
}

/** The least of what is said of some sources; undefined when nothing is said of one of them. */
function leastOf(watermarks: Readonly<Record<string, string>>, sources: readonly SourceNode[]): bigint | undefined {
  let least: bigint | undefined;
  for (const { name } of sources) {
    const said = watermarks[name];
    if (said === undefined) return undefined;
    if (least === undefined || BigInt(said) < least) least = BigInt(said);
  }
  return least;
}

function outOfOrder(epoch: number, last: number): HeadraceError {
  return new HeadraceError(`processing epoch ${epoch}: the last one was ${last}`, {
    code: 'ENGINE_EPOCH_OUT_OF_ORDER',
    domain: 'engine',
    next: 'recover the pipeline from its snapshot',
  });
}
