import { utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log, TopicConfig } from '../log/log.ts';
import { encodeRecordBatch } from '../log/record-batch.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import type { Action, Principal, Resource } from './principal.ts';

/** Name of the audit topic; its records are {@link AuditRecord} as JSON. */
export const AUDIT_TOPIC = '_audit';

/** Records that may wait for the disk; what comes beyond is counted, and the count is itself recorded. */
export const AUDIT_QUEUE_RECORDS_MAX = 10_000;
/** Records in one batch of the log. */
export const AUDIT_BATCH_RECORDS_MAX = 1_000;
/** How long records are gathered before they are written. */
export const AUDIT_DELAY_MS = 200;
/** After a failed write. */
export const AUDIT_RETRY_MS = 5_000;

export interface AuditRecord {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly principal: string;
  readonly action: Action | 'authenticate' | 'start' | 'stop' | 'dropped';
  readonly resource: string;
  readonly outcome: 'allowed' | 'denied' | 'failed';
  readonly detail?: string;
}

export interface AuditOptions {
  readonly log: Pick<Log, 'commit'>;
  readonly clock: Clock;
  readonly metrics: MetricRegistry;
}

const AUDIT_TOPIC_CONFIG: TopicConfig = {
  name: AUDIT_TOPIC,
  partitions: 1,
  kind: 'append',
  retentionMs: 90 * 24 * 60 * 60 * 1000,
  retentionBytes: 1024 ** 3,
  segmentBytesMax: 64 * 1024 * 1024,
  keyPath: undefined,
  properties: {},
};

/** Makes the audit topic (kept for 90 days or a GiB), if it is not there. */
export async function ensureAuditTopic(log: Log): Promise<void> {
  if (log.topic(AUDIT_TOPIC) === undefined) await log.createTopic(AUDIT_TOPIC_CONFIG);
}

/** The trail of who asked for what, and whether it was allowed. Never stalls what it records: batched and bounded. */
export interface Audit {
  record(
    principal: Principal,
    action: AuditRecord['action'],
    resource: Resource,
    outcome: AuditRecord['outcome'],
    detail?: string,
  ): void;
  /** Writes what is queued; resolves when it is durable or has failed. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export function createAudit(options: AuditOptions): Audit {
  return new AuditTrail(options);
}

class AuditTrail implements Audit {
  readonly #options: AuditOptions;
  readonly #written;
  readonly #droppedTotal;
  #queue: AuditRecord[] = [];
  #dropped = 0;
  #cancelTimer: (() => void) | undefined;
  #writing: Promise<void> | undefined;
  #closed = false;

  constructor(options: AuditOptions) {
    this.#options = options;
    this.#written = options.metrics.counter('headrace_audit_records_total', 'Audit records written');
    this.#droppedTotal = options.metrics.counter('headrace_audit_dropped_total', 'Audit records lost to a full queue');
  }

  record(
    principal: Principal,
    action: AuditRecord['action'],
    resource: Resource,
    outcome: AuditRecord['outcome'],
    detail?: string,
  ): void {
    if (this.#queue.length >= AUDIT_QUEUE_RECORDS_MAX) {
      this.#dropped += 1;
      this.#droppedTotal.add(1);
      return;
    }
    this.#queue.push({
      time: new Date(this.#options.clock.now()).toISOString(),
      principal: principal.id,
      action,
      resource: `${resource.kind}:${resource.name}`,
      outcome,
      ...(detail === undefined ? {} : { detail }),
    });
    this.#schedule(AUDIT_DELAY_MS);
  }

  async flush(): Promise<void> {
    await this.#writing;
    await this.#write();
  }

  async close(): Promise<void> {
    await this.flush();
    this.#closed = true;
    this.#cancelTimer?.();
  }

  #schedule(delayMs: number): void {
    if (this.#cancelTimer !== undefined || this.#writing !== undefined || this.#closed) return;
    this.#cancelTimer = this.#options.clock.after(delayMs, () => void this.#write());
  }

  #write(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = undefined;
      if (this.#queue.length > 0) this.#schedule(AUDIT_RETRY_MS);
    });
    return this.#writing;
  }

  /** Writes batch by batch until the queue is empty; a batch that fails stays at its head for the retry. */
  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, AUDIT_BATCH_RECORDS_MAX);
      const dropped = this.#dropped;
      const records = dropped === 0 ? batch : [...batch, this.#lossRecord(dropped)];
      try {
        const timestamp = this.#options.clock.now();
        const encoded = encodeRecordBatch(
          records.map((record) => ({ key: null, value: utf8(JSON.stringify(record)), timestamp })),
        );
        const append = { topic: AUDIT_TOPIC, partition: 0, ...encoded };
        await this.#options.log.commit({ appends: [append], puts: [] });
      } catch {
        return;
      }
      this.#queue.splice(0, batch.length);
      this.#dropped -= dropped;
      this.#written.add(records.length);
    }
  }

  #lossRecord(count: number): AuditRecord {
    return {
      time: new Date(this.#options.clock.now()).toISOString(),
      principal: 'system',
      action: 'dropped',
      resource: 'cluster:audit',
      outcome: 'failed',
      detail: `${count} records did not fit into the queue`,
    };
  }
}
