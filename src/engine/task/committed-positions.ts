import type { Log } from '../../log/log.ts';
import type { TopicOffset } from '../version/pipeline-record.ts';
import type { InputRange, JournalRecord, SnapshotPointer } from './journal.ts';

/** How far the durable epochs of a pipeline have read each partition of its topics. */
export class CommittedPositions {
  readonly #log: Log;
  readonly #topics: readonly string[];
  readonly #reads: (topic: string, partition: number) => boolean;
  readonly #next = new Map<string, number>();
  #recovered = false;

  /** `reads`: which partitions; all without it. */
  constructor(log: Log, topics: readonly string[], reads: (topic: string, partition: number) => boolean = () => true) {
    this.#log = log;
    this.#topics = topics;
    this.#reads = reads;
  }

  /** Starts anew from what recovery begins with. */
  recover(snapshot: SnapshotPointer | undefined, journal: readonly JournalRecord[]): void {
    this.#next.clear();
    this.#recovered = true;
    for (const { topic, partition, offset } of snapshot?.positions ?? [])
      this.#next.set(`${topic}/${partition}`, offset);
    for (const record of journal) this.advance(record.ranges);
  }

  advance(ranges: readonly InputRange[]): void {
    for (const { topic, partition, to } of ranges) this.#next.set(`${topic}/${partition}`, to);
  }

  /** The next offset of each partition; of one that was not read, the first that is there. Of nothing before it is known. */
  positions(): readonly TopicOffset[] {
    if (!this.#recovered) return [];
    return this.#topics.flatMap((topic) =>
      Array.from({ length: this.#log.topic(topic)?.partitions ?? 0 }, (_, partition) => {
        return { topic, partition, offset: this.position(topic, partition) };
      }),
    );
  }

  position(topic: string, partition: number): number {
    const { logStart } = this.#log.bounds(topic, partition);
    return Math.max(this.#next.get(`${topic}/${partition}`) ?? 0, Number(logStart));
  }

  /** Visible input records whose effects are not. */
  lagRecords(): number {
    let lag = 0;
    for (const topic of this.#topics) {
      const partitions = this.#log.topic(topic)?.partitions ?? 0;
      for (let partition = 0; partition < partitions; partition++) {
        if (!this.#reads(topic, partition)) continue;
        const { highWatermark } = this.#log.bounds(topic, partition);
        lag += Math.max(0, Number(highWatermark) - this.position(topic, partition));
      }
    }
    return lag;
  }
}
