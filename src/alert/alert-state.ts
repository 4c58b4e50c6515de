import { type TimestampMs, timestampMs } from '../base/brand.ts';
import type { AlertRuleNode } from '../plan/node.ts';
import type { JsonRow } from '../serving/serving.ts';
import type { Alert } from './alert.ts';

/** An instance of a rule as it is kept: the alert, and when its condition was last seen to hold. */
export interface AlertInstance {
  readonly alert: Alert;
  readonly lastMatchAt: TimestampMs;
}

type Timing = Pick<AlertRuleNode, 'forMs' | 'keepFiringForMs'>;

/**
 * The state after a row that belongs to the instance. `inactive -> pending` (or at once `firing` when `forMs` is 0) on
 * the first match; `pending -> firing` when it has held for `forMs`; `pending -> resolved` when a row does not match;
 * `firing -> resolved` when a row does not match and the last match is `keepFiringForMs` ago.
 * Returns the same object when nothing has changed.
 */
export function afterRow(
  rule: AlertRuleNode,
  instance: AlertInstance | undefined,
  seen: { readonly id: string; readonly keys: Alert['keys']; readonly row: JsonRow; readonly matches: boolean },
  now: TimestampMs,
): AlertInstance | undefined {
  if (seen.matches) return afterMatch(rule, instance, seen, now);
  if (instance === undefined || instance.alert.state === 'resolved') return instance;
  const keeps = instance.alert.state === 'firing' && now - instance.lastMatchAt < rule.keepFiringForMs;
  return keeps ? instance : resolved(instance, now);
}

/** The state when only time has passed. */
export function afterTime(rule: Timing, instance: AlertInstance, now: TimestampMs): AlertInstance {
  const due = dueAt(rule, instance);
  if (due === undefined || now < due) return instance;
  return instance.alert.state === 'pending' ? firing(instance, now) : resolved(instance, now);
}

/** When time alone changes the instance; undefined when it never does. */
export function dueAt(rule: Timing, { alert, lastMatchAt }: AlertInstance): TimestampMs | undefined {
  if (alert.state === 'pending') return timestampMs(alert.pendingSince + rule.forMs);
  if (alert.state === 'firing' && rule.keepFiringForMs > 0) return timestampMs(lastMatchAt + rule.keepFiringForMs);
  return undefined;
}

export function resolved(instance: AlertInstance, now: TimestampMs): AlertInstance {
  return { ...instance, alert: { ...instance.alert, state: 'resolved', resolvedAt: now } };
}

function firing(instance: AlertInstance, now: TimestampMs): AlertInstance {
  return { ...instance, alert: { ...instance.alert, state: 'firing', firingSince: now } };
}

function afterMatch(
  rule: AlertRuleNode,
  instance: AlertInstance | undefined,
  seen: { readonly id: string; readonly keys: Alert['keys']; readonly row: JsonRow },
  now: TimestampMs,
): AlertInstance {
  if (instance !== undefined && instance.alert.state !== 'resolved') {
    const again = { alert: { ...instance.alert, row: seen.row }, lastMatchAt: now };
    return again.alert.state === 'pending' ? afterTime(rule, again, now) : again;
  }
  const alert: Alert = {
    id: seen.id,
    rule: rule.name,
    view: rule.view,
    state: 'pending',
    severity: rule.severity,
    summary: rule.summary,
    keys: seen.keys,
    row: seen.row,
    pendingSince: now,
    firingSince: undefined,
    resolvedAt: undefined,
  };
  const pending: AlertInstance = { alert, lastMatchAt: now };
  return rule.forMs === 0 ? firing(pending, now) : pending;
}
