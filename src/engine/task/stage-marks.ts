import type { SourceNode } from '../../plan/node.ts';
import type { TaskAsks } from '../effect/task-asks.ts';
import { ExchangeSink } from '../exchange/exchange-sink.ts';
import { ExchangeSource } from '../exchange/exchange-source.ts';
import { leastOrigins, type SourceMark, type SourcePosition } from '../exchange/mark.ts';
import { sourcesBelow } from '../exchange/stage-plan.ts';
import { WATERMARK_MAX, WATERMARK_MIN } from '../operator/batch.ts';
import type { TopicOffset } from '../version/pipeline-record.ts';
import type { Vertex } from './compile.ts';
import type { Dataflow } from './dataflow.ts';
import type { TaskInput } from './task-source.ts';

export interface StageMarksParts {
  readonly flow: Dataflow;
  readonly asks: TaskAsks;
  /** All that the outputs of the pipeline read. */
  readonly sources: readonly SourceNode[];
  readonly inputs: readonly TaskInput[];
  /** Next offset of each input, as they are now. */
  readonly positions: readonly number[];
}

/** What a task tells the next stage at the end of an epoch: how far event time is here, and from where rows may still come. */
export class StageMarks {
  readonly #parts: StageMarksParts;

  constructor(parts: StageMarksParts) {
    this.#parts = parts;
  }

  mark(): void {
    for (const vertex of this.#parts.flow.vertices) {
      if (!(vertex.operator instanceof ExchangeSink)) continue;
      vertex.operator.mark({ sources: this.#marksOf(vertex), positions: this.#originPositions() });
    }
  }

  /** Of each source of the first stage; of a later one as a whole. */
  #marksOf(vertex: Vertex): readonly SourceMark[] {
    const { flow, asks } = this.#parts;
    const passed = flow.passed(vertex.inputs[0]!);
    const { from, node } = vertex.edge!;
    const logs = from === 0 ? sourcesBelow(node.input) : [];
    if (logs.length === 0) {
      // What may still come up by the clock alone is waited for.
      const waits = flow.holdsBack || asks.waiting > 0;
      const isIdle = from > 0 && !waits && [...flow.sources.values()].every((source) => source.isIdle);
      return [{ watermark: passed, idle: isIdle }];
    }
    const sources = logs.map((log) => flow.sourceOf(log));
    const isHeld = sources.every((source) => source === undefined || passed < source.current);
    return sources.map((source) => {
      if (source === undefined || source.current === WATERMARK_MAX) return { watermark: WATERMARK_MIN, idle: true };
      return { watermark: isHeld ? passed : source.current, idle: !isHeld && source.isIdle };
    });
  }

  /** Rows that come later have been read from there or later; none when that is not known, since some wait. */
  #originPositions(): readonly SourcePosition[] {
    const { asks, inputs, sources, positions } = this.#parts;
    if (asks.waiting > 0) return [];
    const own = inputs.flatMap(({ source, partition }, at) =>
      source === undefined ? [] : [{ source: sources.indexOf(source), partition, offset: positions[at]! }],
    );
    return leastOrigins([own, ...this.#origins()]) ?? [];
  }

  /** What the stages before said of the rows that they will send; undefined of a task that has said nothing. */
  #origins(): readonly (readonly SourcePosition[] | undefined)[] {
    const { flow } = this.#parts;
    return [...flow.sources.values()].flatMap((source) => (source instanceof ExchangeSource ? source.origins() : []));
  }

  /** Where the log must still be kept: what the task reads, and what it may read again for dead letters. */
  neededFrom(): readonly TopicOffset[] {
    const { inputs, sources, positions } = this.#parts;
    const needed = new Map<string, TopicOffset>();
    const add = (position: TopicOffset): void => {
      const key = `${position.topic}/${position.partition}`;
      const known = needed.get(key);
      if (known === undefined || position.offset < known.offset) needed.set(key, position);
    };
    inputs.forEach(({ topic, partition }, at) => {
      add({ topic, partition, offset: positions[at]! });
    });
    for (const { source, partition, offset } of leastOrigins(this.#origins()) ?? []) {
      add({ topic: sources[source]!.topic, partition, offset });
    }
    return [...needed.values()];
  }
}
