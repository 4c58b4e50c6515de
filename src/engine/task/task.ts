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
import { ExchangeSink } from '../exchange/exchange-sink.ts';
import { ExchangeSource, type FetchRecord } from '../exchange/exchange-source.ts';
import { leastOrigins, type SourceMark, type SourcePosition } from '../exchange/mark.ts';
import { type ExchangeEdge, exchangePartition, sourcesBelow } from '../exchange/stage-plan.ts';
import { type RowOrigin, WATERMARK_MAX, WATERMARK_MIN } from '../operator/batch.ts';
import { DeduplicateOperator } from '../operator/deduplicate.ts';
import { JoinOperator } from '../operator/join/join.ts';
import type { Emit, RowLetter } from '../operator/operator.ts';
import { RecordSink } from '../operator/record-sink.ts';
import type { ExpressionContext } from '../operator/row-evaluator.ts';
import type { TopicOffset } from '../version/pipeline-record.ts';
import { columnsNeeded } from './columns-needed.ts';
import { compilePipeline, sourcesOfPipeline, type TaskPart, type Vertex } from './compile.ts';
import {
  ENGINE_SEMANTICS_VERSION,
  type InputRange,
  type JournalRecord,
  type OutputChecksum,
  type VersionHashes,
} from './journal.ts';
import { LetterBox } from './letter-box.ts';
import { deadLetterOf } from './row-letter.ts';
import type { SnapshotSection } from './snapshot-store.ts';
import { openSource } from './source-opening.ts';
import { TaskMemory } from './task-memory.ts';
import { type SnapshotPart, snapshotAtOnce, TaskSnapshot } from './task-snapshot.ts';
import type { TaskSource } from './task-source.ts';
import type { TaskStatus } from './task-status.ts';
import { WorkClock } from './work-clock.ts';

const STATE_FORMAT = 3;

/** One partition that the task reads; its position in {@link Task.inputs} names it in journal records. */
export interface TaskInput {
  /** Undefined for what comes from an earlier stage. */
  readonly source: SourceNode | undefined;
  /** Place of the operator that reads it. */
  readonly vertex: number;
  readonly topic: string;
  readonly partition: number;
}

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
  /** How far event time has come at least (µs, as text), by source: as another version had it. */
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

interface VertexCounts {
  rowsIn: number;
  rowsOut: number;
  watermark: bigint;
  /** The watermark as those that follow see it. */
  passed: bigint;
  edgeRows: number[];
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
  readonly #vertices: readonly Vertex[];
  readonly #places: ReadonlyMap<Vertex, number>;
  readonly #counts = new Map<Vertex, VertexCounts>();
  readonly #sources = new Map<Vertex, TaskSource>();
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
    this.#vertices = compilePipeline(options.pipeline, services, options.part);
    this.#places = new Map(this.#vertices.map((vertex, place) => [vertex, place]));
    this.#work = new WorkClock(this.#vertices.length, options.monotonicMs ?? (() => 0));
    this.#memory = new TaskMemory(options.pipeline.name, options.kernel, this.#vertices, this.#work);
    this.asks = new TaskAsks(this.#vertices, options.functions);
    this.inputs = this.#open(options);
    this.#positions = this.inputs.map(() => 0);
  }

  /** Opens the operators and sources; returns the partitions that they read. */
  #open(options: TaskOptions): readonly TaskInput[] {
    const needed = columnsNeeded(options.pipeline);
    const inputs: TaskInput[] = [];
    for (const vertex of this.#vertices) {
      this.#counts.set(vertex, {
        rowsIn: 0,
        rowsOut: 0,
        watermark: WATERMARK_MIN,
        passed: WATERMARK_MIN,
        edgeRows: vertex.outputs.map(() => 0),
      });
      const context = {
        kernel: this.#kernel,
        emit: this.#emitOf(vertex),
        deadLetter: (letter: RowLetter) => this.#deadLetter(vertex, letter),
        clockMs: () => this.#clockMs,
      };
      vertex.operator?.open(context);
      const opened = openSource(vertex, { ...options, context, needed, sources: this.#pipelineSources });
      if (opened === undefined) continue;
      this.#sources.set(vertex, opened.source);
      const { topic } = opened;
      const place = this.#placeOf(vertex);
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
    const made = new BlockSink(edge.topic, partitions);
    this.#blocks.push(made);
    return made;
  }

  #emitOf(vertex: Vertex): Emit {
    return (batch) => {
      const counts = this.#counts.get(vertex)!;
      counts.rowsOut += batch.selected;
      vertex.outputs.forEach(({ vertex: next, input }, at) => {
        counts.edgeRows[at]! += batch.selected;
        this.#counts.get(next)!.rowsIn += batch.selected;
        this.#work.begin(this.#placeOf(next));
        next.operator!.processBatch(batch, input);
        this.#work.end();
      });
    };
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
      vertex: this.#placeOf(vertex),
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

  #placeOf(vertex: Vertex): number {
    return this.#places.get(vertex)!;
  }

  /** Id of the operator that reads an input. */
  operatorOf(input: number): string {
    return this.#vertices[this.inputs[input]!.vertex]!.id;
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
    const { epoch, idle, end, bounded, watermarks } = plan;
    const effects = this.asks.taken();
    const decided = {
      epoch,
      clockMs: this.#clockMs,
      ranges,
      idle,
      end,
      bounded,
      ...(effects && { effects }),
      ...(watermarks && { watermarks }),
    };
    const record = { ...decided, outputs, versions: this.versions };
    const deadLetters = this.#letterCounts;
    this.#letterCounts = {};
    return { record, appends, rows, deadLetters };
  }

  #readInput(index: number, plan: EpochPlan): { rows: number; bytes: number; pieces: readonly number[] } {
    const input = this.inputs[index]!;
    const vertex = this.#vertices[input.vertex]!;
    const source = this.#sources.get(vertex)!;
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
      this.#work.begin(this.#placeOf(vertex));
      const taken = source.process({ partition: input.partition, address, length, from, to, bounded });
      this.#work.end();
      this.#counts.get(vertex)!.rowsIn += taken;
      rows += taken;
      bytes += length;
      pieces.push(length);
      this.#positions[index] = to;
      this.#memory.check();
    }
  }

  #finishEpoch(plan: EpochPlan): void {
    const idle = new Set(plan.idle);
    for (const [vertex, source] of this.#sources) {
      const place = this.#placeOf(vertex);
      const own = [...idle].map((at) => this.inputs[at]!).filter((input) => input.vertex === place);
      const silent = new Set(own.map(({ partition }) => partition));
      source.advance(this.#clockMs, (partition) => silent.has(partition));
      const raised = vertex.source && plan.watermarks?.[vertex.source.name];
      if (raised !== undefined) source.raise(BigInt(raised));
    }
    this.#passWatermarks();
    if (plan.end) this.#closeWindows();
    this.#markExchanges();
    this.#kernel.arenaReset();
    this.#memory.check();
  }

  /** Tells the next stage how far event time is here. */
  #markExchanges(): void {
    for (const vertex of this.#vertices) {
      if (!(vertex.operator instanceof ExchangeSink)) continue;
      vertex.operator.mark({ sources: this.#marksOf(vertex), positions: this.#originPositions() });
    }
  }

  /** Of each source of the first stage; of a later one as a whole. */
  #marksOf(vertex: Vertex): readonly SourceMark[] {
    const { passed } = this.#counts.get(vertex.inputs[0]!)!;
    const { from, node } = vertex.edge!;
    const logs = from === 0 ? sourcesBelow(node.input) : [];
    if (logs.length === 0) {
      // What may still come up by the clock alone is waited for.
      const waits = this.holdsBack || this.asks.waiting > 0;
      const isIdle = from > 0 && !waits && [...this.#sources.values()].every((source) => source.isIdle);
      return [{ watermark: passed, idle: isIdle }];
    }
    const sources = logs.map((log) => this.#sourceOf(log));
    const isHeld = sources.every((source) => source === undefined || passed < source.current);
    return sources.map((source) => {
      if (source === undefined || source.current === WATERMARK_MAX) return { watermark: WATERMARK_MIN, idle: true };
      return { watermark: isHeld ? passed : source.current, idle: !isHeld && source.isIdle };
    });
  }

  /** Undefined for one that another task reads alone. */
  #sourceOf(node: SourceNode): TaskSource | undefined {
    const vertex = this.#vertices.find(({ source }) => source === node);
    return vertex === undefined ? undefined : this.#sources.get(vertex);
  }

  /** Rows that come later have been read from there or later; none when that is not known, since some wait. */
  #originPositions(): readonly SourcePosition[] {
    if (this.asks.waiting > 0) return [];
    const own = this.inputs.flatMap(({ source, partition }, at) => {
      if (source === undefined) return [];
      return [{ source: this.#pipelineSources.indexOf(source), partition, offset: this.#positions[at]! }];
    });
    return leastOrigins([own, ...this.#origins()]) ?? [];
  }

  /** What the stages before said of the rows that they will send; undefined of a task that has said nothing. */
  #origins(): readonly (readonly SourcePosition[] | undefined)[] {
    return [...this.#sources.values()].flatMap((source) => (source instanceof ExchangeSource ? source.origins() : []));
  }

  /** Where the log must still be kept: what the task reads, and what it may read again for dead letters. */
  neededFrom(): readonly TopicOffset[] {
    const needed = new Map<string, TopicOffset>();
    const add = (position: TopicOffset): void => {
      const key = `${position.topic}/${position.partition}`;
      const known = needed.get(key);
      if (known === undefined || position.offset < known.offset) needed.set(key, position);
    };
    this.inputs.forEach(({ topic, partition }, at) => {
      add({ topic, partition, offset: this.#positions[at]! });
    });
    for (const { source, partition, offset } of leastOrigins(this.#origins()) ?? []) {
      add({ topic: this.#pipelineSources[source]!.topic, partition, offset });
    }
    return [...needed.values()];
  }

  #passWatermarks(): void {
    for (const vertex of this.#vertices) {
      const watermark = this.#watermarkOf(vertex);
      const counts = this.#counts.get(vertex)!;
      counts.watermark = watermark;
      counts.passed = watermark;
      if (vertex.operator === undefined) continue;
      this.#work.begin(this.#placeOf(vertex));
      this.#kernel.arenaReset();
      vertex.operator.endEpoch();
      this.#kernel.arenaReset();
      vertex.operator.onWatermark(watermark);
      this.#work.end();
      counts.passed = vertex.operator.outputWatermark?.(watermark) ?? watermark;
    }
  }

  /** The windows that are open now, one end after the other, as far as no row that waits holds them open; rows of later windows that come afterwards are in time. */
  #closeWindows(): void {
    let stuck: { readonly vertex: Vertex; readonly watermark: bigint } | undefined;
    for (let next = this.#nextTimer(); next !== undefined; next = this.#nextTimer()) {
      const { watermark } = this.#counts.get(next.vertex)!;
      if (stuck?.vertex === next.vertex && stuck.watermark === watermark) break;
      stuck = { vertex: next.vertex, watermark };
      // Joins on the way hold the watermark back: it must be ahead of the timer by as much.
      const held = watermark === WATERMARK_MIN ? 0n : this.#leastWatermark() - watermark;
      const target = held > 0n ? next.timer + held : next.timer;
      for (const source of this.#sources.values()) source.raise(target);
      this.#passWatermarks();
    }
    for (const vertex of this.#vertices) vertex.operator?.endInput?.();
    this.#passWatermarks();
  }

  /** Whether the end of the input would bring out anything that waits. */
  get holdsBack(): boolean {
    return this.nextWindowEnd() !== undefined || this.#vertices.some((v) => v.operator?.nextClockMs?.() !== undefined);
  }

  /** The earliest event time that an operator waits for. */
  nextWindowEnd(): bigint | undefined {
    return this.#nextTimer()?.timer;
  }

  #nextTimer(): { readonly vertex: Vertex; readonly timer: bigint } | undefined {
    let least: { vertex: Vertex; timer: bigint } | undefined;
    for (const vertex of this.#vertices) {
      const timer = vertex.operator?.nextTimer();
      if (timer === undefined || timer <= this.#counts.get(vertex)!.watermark) continue;
      if (least === undefined || timer < least.timer) least = { vertex, timer };
    }
    return least;
  }

  #leastWatermark(): bigint {
    let least: bigint | undefined;
    for (const { current } of this.#sources.values()) if (least === undefined || current < least) least = current;
    return least ?? WATERMARK_MIN;
  }

  #watermarkOf(vertex: Vertex): bigint {
    const own = this.#sources.get(vertex);
    if (own !== undefined) return own.current;
    let least: bigint | undefined;
    for (const input of vertex.inputs) {
      const watermark = this.#counts.get(input)!.passed;
      if (least === undefined || watermark < least) least = watermark;
    }
    return least ?? WATERMARK_MIN;
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

  /** Wall clock at which an idle pipeline closes its next window; undefined when nothing waits for the clock. */
  nextTimerMs(): number | undefined {
    let least: number | undefined;
    for (const vertex of this.#vertices) {
      const clock = vertex.operator?.nextClockMs?.();
      if (clock !== undefined && (least === undefined || clock < least)) least = clock;
      const timer = vertex.operator?.nextTimer();
      if (timer === undefined || timer <= this.#counts.get(vertex)!.watermark) continue;
      const at = this.#reachesAtMs(vertex, timer);
      if (at !== undefined && (least === undefined || at < least)) least = at;
    }
    return least;
  }

  #reachesAtMs(vertex: Vertex, time: bigint): number | undefined {
    const own = this.#sources.get(vertex);
    if (own !== undefined) return own.reachesAtMs(time);
    let most = 0;
    for (const input of vertex.inputs) {
      if (waitsBefore(input, time)) return undefined;
      const at = this.#reachesAtMs(input, time);
      if (at === undefined) return undefined;
      if (at > most) most = at;
    }
    return most;
  }

  /** The watermark of one input alone. */
  watermarkOf(input: number): bigint {
    const { vertex, partition } = this.inputs[input]!;
    return this.#sources.get(this.#vertices[vertex]!)!.ofPartition(partition);
  }

  /**
   * Begins a snapshot of the state as it is now. Its parts are written while epochs go on; `end` must be called. `deltas`: the operators
   * that need to write only what has changed since the last one, which was kept.
   */
  beginSnapshot(deltas: ReadonlySet<number>): TaskSnapshot {
    const writer = new ByteWriter(new Uint8Array(4 * 1024));
    this.#writeHeader(writer);
    const parts: SnapshotPart[] = [];
    this.#vertices.forEach((vertex, at) => {
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
    for (const source of this.#sources.values()) source.snapshot(writer);
    for (const vertex of this.#vertices) {
      const counts = this.#counts.get(vertex)!;
      writer.text(vertex.id);
      writer.u64(counts.rowsIn);
      writer.u64(counts.rowsOut);
      writer.i64(counts.watermark);
      for (const rows of counts.edgeRows) writer.u64(rows);
    }
  }

  get vertices(): readonly Vertex[] {
    return this.#vertices;
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
      const [from, to] = [other.#vertices[theirs]!, this.#vertices[ours]!];
      const { rowsIn, rowsOut, watermark, passed } = other.#counts.get(from)!;
      Object.assign(this.#counts.get(to)!, { rowsIn, rowsOut, watermark, passed });
      const source = other.#sources.get(from);
      if (source === undefined) continue;
      const writer = new ByteWriter(new Uint8Array(1024));
      source.snapshot(writer);
      this.#sources.get(to)!.restore(new ByteReader(writer.written().slice()));
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
    const operator = this.#vertices[at]?.operator;
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
    for (const source of this.#sources.values()) source.restore(reader);
    for (const vertex of this.#vertices) {
      const id = reader.text();
      if (id !== vertex.id) throw badSnapshot(`operator ${id} stands where ${vertex.id} should`);
      const counts = this.#counts.get(vertex)!;
      counts.rowsIn = reader.u64();
      counts.rowsOut = reader.u64();
      counts.watermark = reader.i64();
      counts.passed = vertex.operator?.outputWatermark?.(counts.watermark) ?? counts.watermark;
      counts.edgeRows = counts.edgeRows.map(() => reader.u64());
    }
  }

  status(): TaskStatus {
    const stamp = (time: bigint): string | undefined => (time === WATERMARK_MIN ? undefined : time.toString());
    const operators = this.#vertices.map((vertex, at) => {
      const counts = this.#counts.get(vertex)!;
      const state = vertex.operator?.state() ?? { keys: 0, bytes: 0 };
      const { id, kind, label, expressions } = vertex;
      const watermark = stamp(counts.watermark);
      const { rowsIn, rowsOut } = counts;
      const held = { stateKeys: state.keys, stateBytes: state.bytes };
      const timer = vertex.operator?.nextTimer();
      const waitsFor = timer === undefined || timer <= counts.watermark ? undefined : timer.toString();
      const busyMs = this.#work.busyMs(at);
      const asking = vertex.operator?.asking;
      const waiting = asking === undefined ? {} : { waitingRows: asking.waiting };
      return { id, kind, label, rowsIn, rowsOut, watermark, waitsFor, ...waiting, ...held, busyMs, expressions };
    });
    const edges = this.#vertices.flatMap((vertex) =>
      vertex.outputs.map(({ vertex: to }, at) => ({
        from: vertex.id,
        to: to.id,
        rows: this.#counts.get(vertex)!.edgeRows[at]!,
      })),
    );
    let duplicateRows = 0;
    let forgottenRows = 0;
    for (const { operator } of this.#vertices) {
      if (operator instanceof DeduplicateOperator) duplicateRows += operator.duplicates;
      else if (operator instanceof JoinOperator) forgottenRows += operator.forgotten;
    }
    const watermark = stamp(this.#leastWatermark());
    const lateRows = this.#lateRows;
    return { epoch: this.#epoch, watermark, operators, edges, lateRows, duplicateRows, forgottenRows };
  }

  close(): void {
    for (const vertex of this.#vertices) vertex.operator?.close();
    for (const source of this.#sources.values()) source.close();
  }
}

/** Rows that wait for answers, not for the clock, keep the time from being reached. */
function waitsBefore({ operator }: Vertex, time: bigint): boolean {
  if (operator?.asking === undefined || operator.asking.waiting === 0) return false;
  return operator.outputWatermark !== undefined && operator.outputWatermark(time) < time;
}

function outOfOrder(epoch: number, last: number): HeadraceError {
  return new HeadraceError(`processing epoch ${epoch}: the last one was ${last}`, {
    code: 'ENGINE_EPOCH_OUT_OF_ORDER',
    domain: 'engine',
    next: 'recover the pipeline from its snapshot',
  });
}

function badSnapshot(why: string): HeadraceError {
  return new HeadraceError(`reading a snapshot: ${why}`, {
    code: 'ENGINE_SNAPSHOT_INVALID',
    domain: 'engine',
    next: 'rebuild the pipeline from its inputs',
  });
}
