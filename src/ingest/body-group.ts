import type { Clock } from '../base/clock.ts';
import type { Append, CommitResult, Log, TopicConfig } from '../log/log.ts';
import type { TopicSchema } from '../schema/topic-schema.ts';
import type { Framer, GroupedRow } from './framer.ts';
import type { IngestRequest, IngestResult } from './ingest.ts';
import { GROUP_BODIES_MAX, GROUP_BYTES_MAX, type IngestLimits } from './limits.ts';

export interface BodyGroupParts {
  readonly log: Pick<Log, 'commit'>;
  readonly framer: Framer;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  readonly limits: IngestLimits;
  /** Calls back soon, after what is ready has run. */
  readonly soon: (callback: () => void) => void;
  readonly topic: TopicConfig;
  readonly schema: TopicSchema | undefined;
  /** The way of a request alone: for those that turn out not to be one good row. */
  readonly alone: (request: IngestRequest) => Promise<IngestResult>;
  readonly committed: (records: number, bytes: number, seconds: number) => void;
}

interface Waiting {
  readonly request: IngestRequest;
  readonly bytes: Uint8Array;
  readonly resolve: (result: IngestResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Small bodies for one topic that arrive together, or while a round is on its way to the disk, are checked in one pass and
 * become one record batch: it is flushed when the log takes a round. So what a record batch costs is shared by as many events as there is load.
 */
export class BodyGroup {
  readonly #parts: BodyGroupParts;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #scheduled = false;
  #underWay = 0;

  constructor(parts: BodyGroupParts) {
    this.#parts = parts;
  }

  /** Whether this group still speaks for the topic and its schema. */
  isFor(topic: TopicConfig, schema: TopicSchema | undefined): boolean {
    return this.#parts.topic === topic && this.#parts.schema === schema;
  }

  /** Bytes gathered and not yet handed to the log. */
  get bytes(): number {
    return this.#bytes;
  }

  add(request: IngestRequest, bytes: Uint8Array): Promise<IngestResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, bytes, resolve, reject });
      this.#bytes += bytes.length;
      if (this.#waiting.length >= GROUP_BODIES_MAX || this.#bytes >= GROUP_BYTES_MAX) this.flush();
      else if (this.#underWay === 0) this.#schedule();
    });
  }

  /** After the sockets that are ready have been read. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#parts.soon(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /** Hands what has gathered to the log now: what comes after it must not overtake it. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    this.#bytes = 0;
    this.#underWay++;
    void this.#send(waiting).finally(() => {
      this.#underWay--;
      if (this.#underWay === 0) this.flush();
    });
  }

  async #send(waiting: readonly Waiting[]): Promise<void> {
    try {
      await this.#commit(waiting);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  async #commit(waiting: readonly Waiting[]): Promise<void> {
    const { log, framer, clock, limits, topic, schema, committed } = this.#parts;
    const bodies = waiting.map(({ bytes }) => bytes);
    const { appends, rows } = framer.frameGroup({ bodies, topic, schema, limits, timestamp: clock.now() });
    let bytes = 0;
    waiting.forEach((entry, i) => {
      if (rows[i] === undefined) this.#parts.alone(entry.request).then(entry.resolve, entry.reject);
      else bytes += entry.bytes.length;
    });
    if (appends.length === 0) return;
    const startedMs = clock.monotonicMs();
    const result = await log.commit({ appends, puts: [] }).finally(() => framer.release(appends));
    const records = appends.reduce((sum, append) => sum + append.records, 0);
    committed(records, bytes, (clock.monotonicMs() - startedMs) / 1000);
    waiting.forEach((entry, i) => {
      const row = rows[i];
      if (row !== undefined) entry.resolve(resultOf(topic.name, appends, result, row));
    });
  }
}

function resultOf(topic: string, appends: readonly Append[], result: CommitResult, row: GroupedRow): IngestResult {
  const { partition } = appends[row.append]!;
  const baseOffset = (result.baseOffsets[row.append]! +
    row.position) as IngestResult['placements'][number]['baseOffset'];
  return {
    topic,
    accepted: 1,
    refused: 0,
    refusals: [],
    placements: [{ partition, baseOffset, records: 1 }],
    replayed: false,
  };
}
