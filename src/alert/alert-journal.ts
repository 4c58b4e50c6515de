import { timestampMs } from '../base/brand.ts';
import type { CommitRequest, LedgerPut, Log } from '../log/log.ts';
import { encodeRecordBatch } from '../log/record-batch.ts';
import { ALERT_TOPIC, type Alert } from './alert.ts';
import type { AlertInstance } from './alert-state.ts';

const SPACE = 'alert';
const INSTANCE = 'instance:';
const POSITION = 'position:';
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What alerts remember across a restart: live instances and, of every rule, the position in its view. */
export class AlertJournal {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  instances(): readonly AlertInstance[] {
    return this.#entries(INSTANCE).map(([, value]) => JSON.parse(decoder.decode(value)) as AlertInstance);
  }

  position(rule: string): string | undefined {
    const value = this.#log.ledgerGet(SPACE, POSITION + rule);
    return value === undefined ? undefined : decoder.decode(value);
  }

  /** Transitions, what is remembered of the instances, and how far the views have been read: in one commit or not at all. */
  async commit(changes: readonly AlertInstance[], positions: ReadonlyMap<string, string>): Promise<void> {
    const last = new Map(changes.map((instance) => [instance.alert.id, instance]));
    const puts: LedgerPut[] = [...last.values()].map((instance) => ({
      space: SPACE,
      key: INSTANCE + instance.alert.id,
      value: instance.alert.state === 'resolved' ? undefined : encoder.encode(JSON.stringify(instance)),
    }));
    for (const [rule, position] of positions) {
      puts.push({ space: SPACE, key: POSITION + rule, value: encoder.encode(position) });
    }
    const request: CommitRequest = { appends: changes.length === 0 ? [] : [append(changes.map((c) => c.alert))], puts };
    await this.#log.commit(request);
  }

  #entries(prefix: string): readonly (readonly [string, Uint8Array])[] {
    return [...this.#log.ledgerEntries(SPACE)].filter(([key]) => key.startsWith(prefix));
  }
}

function append(alerts: readonly Alert[]): CommitRequest['appends'][number] {
  const encoded = encodeRecordBatch(
    alerts.map((alert) => ({
      key: encoder.encode(alert.id),
      value: encoder.encode(JSON.stringify(alert)),
      timestamp: changedAt(alert),
    })),
  );
  return { topic: ALERT_TOPIC, partition: 0, ...encoded, maxTimestamp: timestampMs(encoded.maxTimestamp) };
}

function changedAt(alert: Alert): number {
  return alert.resolvedAt ?? alert.firingSince ?? alert.pendingSince;
}
