import { offset } from '../../base/brand.ts';
import type { Append, Log } from '../../log/log.ts';
import { ReadBuffer } from '../../log/read-buffer.ts';
import { CHUNK_BYTES, EXCHANGE_AHEAD_BYTES_MAX } from '../limits.ts';
import type { InputRange } from '../task/journal.ts';
import { type ExchangeEdge, exchangePartition } from './stage-plan.ts';

/**
 * How many bytes each partition of the exchanges is ahead of the task that reads it. Those that write to one that is too far ahead read no
 * more until it is half as much.
 */
export class ExchangeFlow {
  readonly #edges: readonly ExchangeEdge[];
  readonly #ahead = new Map<string, number>();
  readonly #full = new Map<string, boolean>();
  readonly #bytesMax: number;

  constructor(edges: readonly ExchangeEdge[], bytesMax = EXCHANGE_AHEAD_BYTES_MAX) {
    this.#edges = edges;
    this.#bytesMax = bytesMax;
  }

  /** What is there already; `position`: up to where a partition has been processed. */
  begin(log: Log, position: (edge: ExchangeEdge, partition: number) => number): void {
    for (const edge of this.#edges) {
      for (let partition = 0; partition < edge.upstream.length * edge.downstream; partition++) {
        const bytes = bytesFrom(log, edge.topic, partition, position(edge, partition));
        this.#ahead.set(`${edge.topic}/${partition}`, bytes);
      }
    }
  }

  written(appends: readonly Append[]): void {
    for (const { topic, partition, batch } of appends) this.#add(topic, partition, batch.length);
  }

  processed(ranges: readonly InputRange[]): void {
    for (const { topic, partition, bytes } of ranges) this.#add(topic, partition, -bytes);
  }

  #add(topic: string, partition: number, bytes: number): void {
    const key = `${topic}/${partition}`;
    const known = this.#ahead.get(key);
    if (known !== undefined) this.#ahead.set(key, Math.max(0, known + bytes));
  }

  /** Whether a task is to read no more; changes of it are told once by `changed`. */
  isFull(stage: number, task: number): boolean {
    return this.#full.get(`${stage}.${task}`) ?? false;
  }

  /** The tasks for which that has changed since it was asked for last. */
  changed(): readonly { readonly stage: number; readonly task: number; readonly full: boolean }[] {
    const most = new Map<string, { stage: number; task: number; bytes: number }>();
    for (const edge of this.#edges) {
      for (const task of edge.upstream) {
        const key = `${edge.from}.${task}`;
        const found = most.get(key) ?? { stage: edge.from, task, bytes: 0 };
        for (let target = 0; target < edge.downstream; target++) {
          const ahead = this.#ahead.get(`${edge.topic}/${exchangePartition(edge, task, target)}`) ?? 0;
          found.bytes = Math.max(found.bytes, ahead);
        }
        most.set(key, found);
      }
    }
    const changes: { stage: number; task: number; full: boolean }[] = [];
    for (const [key, { stage, task, bytes }] of most) {
      const was = this.#full.get(key) ?? false;
      const full = bytes > (was ? this.#bytesMax / 2 : this.#bytesMax);
      if (full === was) continue;
      this.#full.set(key, full);
      changes.push({ stage, task, full });
    }
    return changes;
  }
}

function bytesFrom(log: Log, topic: string, partition: number, from: number): number {
  const reader = log.reader(topic, partition, offset(from));
  const buffer = new ReadBuffer(Math.min(CHUNK_BYTES, log.bounds(topic, partition).bytes + 1));
  let total = 0;
  try {
    for (let read = buffer.read(reader); read.length > 0; read = buffer.read(reader)) total += read.length;
  } finally {
    reader.close();
  }
  return total;
}
