import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { SourceNode } from '../../plan/node.ts';
import { WATERMARK_MIN } from '../operator/batch.ts';
import { DeduplicateOperator } from '../operator/deduplicate.ts';
import { JoinOperator } from '../operator/join/join.ts';
import type { Emit } from '../operator/operator.ts';
import type { Vertex } from './compile.ts';
import { badSnapshot } from './snapshot-error.ts';
import type { TaskSource } from './task-source.ts';
import type { TaskStatus } from './task-status.ts';
import type { WorkClock } from './work-clock.ts';

interface VertexCounts {
  rowsIn: number;
  rowsOut: number;
  watermark: bigint;
  /** The watermark as those that follow see it. */
  passed: bigint;
  edgeRows: number[];
}

/** What the graph says of itself. */
export type DataflowStatus = Omit<TaskStatus, 'epoch' | 'lateRows'>;

/** The graph of a task as it runs: rows go from operator to operator, and event time after them; both are counted. */
export class Dataflow {
  /** In topological order. */
  readonly vertices: readonly Vertex[];
  readonly #kernel: Kernel;
  readonly #work: WorkClock;
  readonly #places: ReadonlyMap<Vertex, number>;
  readonly #counts: ReadonlyMap<Vertex, VertexCounts>;
  readonly #sources = new Map<Vertex, TaskSource>();

  constructor(vertices: readonly Vertex[], kernel: Kernel, work: WorkClock) {
    this.vertices = vertices;
    this.#kernel = kernel;
    this.#work = work;
    this.#places = new Map(vertices.map((vertex, place) => [vertex, place]));
    this.#counts = new Map(vertices.map((vertex) => [vertex, noCounts(vertex)]));
  }

  placeOf(vertex: Vertex): number {
    return this.#places.get(vertex)!;
  }

  addSource(vertex: Vertex, source: TaskSource): void {
    this.#sources.set(vertex, source);
  }

  /** In the order in which they were added. */
  get sources(): ReadonlyMap<Vertex, TaskSource> {
    return this.#sources;
  }

  /** Undefined for one that another task reads alone. */
  sourceOf(node: SourceNode): TaskSource | undefined {
    const vertex = this.vertices.find(({ source }) => source === node);
    return vertex === undefined ? undefined : this.#sources.get(vertex);
  }

  /** Hands the batches of a vertex to those that follow it. */
  emitOf(vertex: Vertex): Emit {
    return (batch) => {
      const counts = this.#counts.get(vertex)!;
      counts.rowsOut += batch.selected;
      vertex.outputs.forEach(({ vertex: next, input }, at) => {
        counts.edgeRows[at]! += batch.selected;
        this.countIn(next, batch.selected);
        this.#work.begin(this.placeOf(next));
        next.operator!.processBatch(batch, input);
        this.#work.end();
      });
    };
  }

  countIn(vertex: Vertex, rows: number): void {
    this.#counts.get(vertex)!.rowsIn += rows;
  }

  /** The watermark of a vertex as those that follow see it. */
  passed(vertex: Vertex): bigint {
    return this.#counts.get(vertex)!.passed;
  }

  /** Ends the epoch of each operator, and tells it how far event time is. */
  passWatermarks(): void {
    for (const vertex of this.vertices) {
      const watermark = this.#watermarkOf(vertex);
      const counts = this.#counts.get(vertex)!;
      counts.watermark = watermark;
      counts.passed = watermark;
      if (vertex.operator === undefined) continue;
      this.#work.begin(this.placeOf(vertex));
      this.#kernel.arenaReset();
      vertex.operator.endEpoch();
      this.#kernel.arenaReset();
      vertex.operator.onWatermark(watermark);
      this.#work.end();
      counts.passed = vertex.operator.outputWatermark?.(watermark) ?? watermark;
    }
  }

  /** The windows that are open now, one end after the other, as far as no row that waits holds them open; rows of later windows that come afterwards are in time. */
  closeWindows(): void {
    let stuck: { readonly vertex: Vertex; readonly watermark: bigint } | undefined;
    for (let next = this.#nextTimer(); next !== undefined; next = this.#nextTimer()) {
      const { watermark } = this.#counts.get(next.vertex)!;
      if (stuck?.vertex === next.vertex && stuck.watermark === watermark) break;
      stuck = { vertex: next.vertex, watermark };
      // Joins on the way hold the watermark back: it must be ahead of the timer by as much.
      const held = watermark === WATERMARK_MIN ? 0n : this.#leastWatermark() - watermark;
      const target = held > 0n ? next.timer + held : next.timer;
      for (const source of this.#sources.values()) source.raise(target);
      this.passWatermarks();
    }
    for (const vertex of this.vertices) vertex.operator?.endInput?.();
    this.passWatermarks();
  }

  /** Lets come out what waits for the wall clock. */
  flush(): void {
    for (const { operator } of this.vertices) operator?.flush?.();
    this.passWatermarks();
  }

  get waitsForClock(): boolean {
    return this.vertices.some(({ operator }) => operator?.nextClockMs?.() !== undefined);
  }

  /** Whether the end of the input would bring out anything that waits. */
  get holdsBack(): boolean {
    return this.#nextTimer() !== undefined || this.waitsForClock;
  }

  #nextTimer(): { readonly vertex: Vertex; readonly timer: bigint } | undefined {
    let least: { vertex: Vertex; timer: bigint } | undefined;
    for (const vertex of this.vertices) {
      const timer = this.#timerOf(vertex);
      if (timer !== undefined && (least === undefined || timer < least.timer)) least = { vertex, timer };
    }
    return least;
  }

  /** The next event time that a vertex waits for. */
  #timerOf(vertex: Vertex): bigint | undefined {
    const timer = vertex.operator?.nextTimer();
    return timer === undefined || timer <= this.#counts.get(vertex)!.watermark ? undefined : timer;
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
      const { passed } = this.#counts.get(input)!;
      if (least === undefined || passed < least) least = passed;
    }
    return least ?? WATERMARK_MIN;
  }

  /** Wall clock at which an idle pipeline closes its next window; undefined when nothing waits for the clock. */
  nextTimerMs(): number | undefined {
    let least: number | undefined;
    for (const vertex of this.vertices) {
      const clock = vertex.operator?.nextClockMs?.();
      if (clock !== undefined && (least === undefined || clock < least)) least = clock;
      const timer = this.#timerOf(vertex);
      const at = timer === undefined ? undefined : this.#reachesAtMs(vertex, timer);
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

  /** Event time of the sources, and the counts; not what operators hold. */
  snapshot(writer: ByteWriter): void {
    for (const source of this.#sources.values()) source.snapshot(writer);
    for (const vertex of this.vertices) {
      const counts = this.#counts.get(vertex)!;
      writer.text(vertex.id);
      writer.u64(counts.rowsIn);
      writer.u64(counts.rowsOut);
      writer.i64(counts.watermark);
      for (const rows of counts.edgeRows) writer.u64(rows);
    }
  }

  /** @throws HeadraceError `ENGINE_SNAPSHOT_INVALID` */
  restore(reader: ByteReader): void {
    for (const source of this.#sources.values()) source.restore(reader);
    for (const vertex of this.vertices) {
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

  /** Takes over what the graph of another version counted at one of its vertices. */
  adoptCounts(other: Dataflow, from: Vertex, to: Vertex): void {
    const { rowsIn, rowsOut, watermark, passed } = other.#counts.get(from)!;
    Object.assign(this.#counts.get(to)!, { rowsIn, rowsOut, watermark, passed });
  }

  status(): DataflowStatus {
    const operators = this.vertices.map((vertex, at) => {
      const { rowsIn, rowsOut, watermark } = this.#counts.get(vertex)!;
      const state = vertex.operator?.state() ?? { keys: 0, bytes: 0 };
      const { id, kind, label, expressions } = vertex;
      const held = { stateKeys: state.keys, stateBytes: state.bytes };
      const waitsFor = this.#timerOf(vertex)?.toString();
      const busyMs = this.#work.busyMs(at);
      const asking = vertex.operator?.asking;
      const waiting = asking === undefined ? {} : { waitingRows: asking.waiting };
      const times = { watermark: textOf(watermark), waitsFor };
      return { id, kind, label, rowsIn, rowsOut, ...times, ...waiting, ...held, busyMs, expressions };
    });
    const edges = this.vertices.flatMap((vertex) => {
      const { edgeRows } = this.#counts.get(vertex)!;
      return vertex.outputs.map(({ vertex: to }, at) => ({ from: vertex.id, to: to.id, rows: edgeRows[at]! }));
    });
    let duplicateRows = 0;
    let forgottenRows = 0;
    for (const { operator } of this.vertices) {
      if (operator instanceof DeduplicateOperator) duplicateRows += operator.duplicates;
      else if (operator instanceof JoinOperator) forgottenRows += operator.forgotten;
    }
    return { watermark: textOf(this.#leastWatermark()), operators, edges, duplicateRows, forgottenRows };
  }

  close(): void {
    for (const vertex of this.vertices) vertex.operator?.close();
    for (const source of this.#sources.values()) source.close();
  }
}

function noCounts({ outputs }: Vertex): VertexCounts {
  return { rowsIn: 0, rowsOut: 0, watermark: WATERMARK_MIN, passed: WATERMARK_MIN, edgeRows: outputs.map(() => 0) };
}

function textOf(time: bigint): string | undefined {
  return time === WATERMARK_MIN ? undefined : time.toString();
}

/** Rows that wait for answers, not for the clock, keep the time from being reached. */
function waitsBefore({ operator }: Vertex, time: bigint): boolean {
  if (operator?.asking === undefined || operator.asking.waiting === 0) return false;
  return operator.outputWatermark !== undefined && operator.outputWatermark(time) < time;
}
