import type { TimestampMs } from '../base/brand.ts';
import type { JsonRow } from '../serving/serving.ts';

export type AlertState = 'pending' | 'firing' | 'resolved';

/** One instance of a rule (one value of its keys); the value of a record in topic `_alerts` (upsert by `id`). */
export interface Alert {
  /** `rule{key=value,...}` */
  readonly id: string;
  readonly rule: string;
  readonly view: string;
  readonly state: AlertState;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly summary: string;
  readonly keys: Readonly<Record<string, unknown>>;
  /** The row that last matched. */
  readonly row: JsonRow;
  readonly pendingSince: TimestampMs;
  readonly firingSince: TimestampMs | undefined;
  readonly resolvedAt: TimestampMs | undefined;
}

export const ALERT_TOPIC = '_alerts';
