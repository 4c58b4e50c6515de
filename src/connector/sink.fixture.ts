import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { offset } from '../base/brand.ts';
import { systemClock } from '../base/clock.ts';
import { createIngest } from '../ingest/create-ingest.ts';
import { DEAD_LETTER_TOPIC, type DeadLetter } from '../ingest/ingest.ts';
import type { CommitRequest, Log, TopicKind } from '../log/log.ts';
import { openLog } from '../log/open.ts';
import { decodeRecordBatches, encodeRecordBatch } from '../log/record-batch.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/registry.ts';
import type { SinkParts } from './sink-parts.ts';

export const TOPIC = 'rows';

/** A log on disk with one topic, which can be closed and opened again, and whose commits can be made to fail. */
export class SinkWorld {
  readonly dir = mkdtempSync(join(tmpdir(), 'headrace-sink-'));
  log!: Log;
  /** Called before each commit of a sink; what it throws, the commit throws. */
  beforeCommit: (request: CommitRequest) => void = () => {};
  /** Called after each: it is durable, and what this throws is all that the sink hears of it. */
  afterCommit: () => void = () => {};

  static async open(kind: TopicKind = 'append', partitions = 1): Promise<SinkWorld> {
    const world = new SinkWorld();
    await world.reopen();
    await world.log.createTopic({
      name: TOPIC,
      partitions,
      kind,
      retentionMs: undefined,
      retentionBytes: undefined,
      segmentBytesMax: 64 * 1024 * 1024,
      keyPath: undefined,
      properties: {},
    });
    return world;
  }

  async reopen(): Promise<void> {
    await this.log?.close();
    this.log = await openLog({ dataDir: join(this.dir, 'data'), clock: systemClock });
    // Makes the dead-letter topic.
    await createIngest({ log: this.log, clock: systemClock, metrics: createMetrics(), schemas: () => undefined });
  }

  /** What sinks are given; waits between attempts are nothing. */
  get parts(): SinkParts {
    const { log } = this;
    const commit: Log['commit'] = async (request) => {
      this.beforeCommit(request);
      const result = await log.commit(request);
      this.afterCommit();
      return result;
    };
    const faced = new Proxy(log, {
      get(target, name) {
        if (name === 'commit') return commit;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
      },
    });
    return { log: faced, clock: systemClock, logger: silentLogger, random: () => 0 };
  }

  async append(rows: readonly unknown[], partition = 0, key: string | null = null): Promise<void> {
    const records = rows.map((row) => ({
      key: key === null ? null : Buffer.from(key),
      value: row === null ? null : Buffer.from(typeof row === 'string' ? row : JSON.stringify(row)),
      timestamp: 1,
    }));
    await this.log.commit({ appends: [{ topic: TOPIC, partition, ...encodeRecordBatch(records) }], puts: [] });
  }

  deadLetters(): DeadLetter[] {
    const reader = this.log.reader(DEAD_LETTER_TOPIC, 0, offset(0));
    const target = new Uint8Array(1024 * 1024);
    const bytes = reader.readInto(target);
    reader.close();
    return [...decodeRecordBatches(target.subarray(0, bytes))].flatMap((batch) =>
      [...batch.entries()].map(({ value }) => JSON.parse(Buffer.from(value!).toString()) as DeadLetter),
    );
  }

  async close(): Promise<void> {
    await this.log.close();
    rmSync(this.dir, { recursive: true });
  }
}
