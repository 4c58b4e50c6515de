import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import type { Log } from '../log/log.ts';
import type { AlertRuleNode } from '../plan/node.ts';
import { FEED_TURN_MS_MAX } from '../serving/limits.ts';
import type { Tables } from '../serving/tables.ts';
import { highWatermarks, logStarts, topicNamed } from '../serving/topic-feed.ts';
import { parsePosition, type TopicPosition } from '../serving/topic-position.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { ALERT_TOPIC, type Alert } from './alert.ts';
import { AlertJournal } from './alert-journal.ts';
import { type AlertInstance, afterRow, afterTime, dueAt, resolved } from './alert-state.ts';
import { ALERT_VIEW } from './alert-view.ts';
import {
  ALERT_COMMIT_RETRY_MS,
  ALERT_INSTANCES_MAX,
  ALERT_POSITION_MS,
  ALERT_SEGMENT_BYTES,
  ALERTS_RESOLVED_KEPT,
} from './limits.ts';
import { RuleFollower, type RuleSighting } from './rule-follower.ts';
import { type PostWebhook, WebhookLanes } from './webhook.ts';

export interface AlertsOptions {
  readonly log: Log;
  readonly tables: Tables;
  readonly clock: Clock;
  readonly rules: readonly AlertRuleNode[];
  /** Sends one webhook; the default uses HTTP. */
  readonly post?: PostWebhook;
  /** Uniform in [0, 1); for the jitter of retries. */
  readonly random?: () => number;
  readonly metrics?: MetricRegistry;
  /** What went wrong without anybody asking: for the process log. */
  readonly report?: (error: unknown, about: string) => void;
}

/** The alerts of a process. Live as the stream of the view `_alerts`. */
export interface Alerts {
  /** Pending and firing alerts, then those resolved lately. */
  list(): readonly Alert[];
  /** Follows a rule more; one of the same name is replaced and keeps its instances. @throws HeadraceError `ALERT_UNKNOWN_VIEW` */
  add(rule: AlertRuleNode): void;
  /** Forgets a rule: its alerts are resolved. */
  remove(rule: string): void;
  /** Resolves when all that the views show now has been evaluated, and every transition that follows is durable. */
  caughtUp(): Promise<void>;
  /** Resolves when every transition so far is durable. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts the alert rules where they were: instances and positions come from the commit log. Creates the topic `_alerts`
 * if it is not there.
 *
 * @throws HeadraceError `ALERT_UNKNOWN_VIEW` when a rule's view has no table
 */
export async function createAlerts(options: AlertsOptions): Promise<Alerts> {
  const { log, tables } = options;
  if (log.topic(ALERT_TOPIC) === undefined) {
    await log.createTopic({
      name: ALERT_TOPIC,
      partitions: 1,
      kind: 'upsert',
      retentionMs: undefined,
      retentionBytes: undefined,
      segmentBytesMax: ALERT_SEGMENT_BYTES,
      keyPath: undefined,
      properties: {},
    });
  }
  if (tables.get(ALERT_TOPIC) === undefined) tables.add(ALERT_TOPIC, ALERT_VIEW);
  return new RunningAlerts(options);
}

class RunningAlerts implements Alerts {
  readonly #options: AlertsOptions;
  readonly #journal: AlertJournal;
  readonly #lanes: WebhookLanes;
  readonly #followers = new Map<string, RuleFollower>();
  readonly #instances = new Map<string, AlertInstance>();
  #recent: Alert[] = [];
  #changes: AlertInstance[] = [];
  #moved = false;
  #committing: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #positionDueAt = 0;
  #closed = false;

  constructor(options: AlertsOptions) {
    this.#options = options;
    this.#journal = new AlertJournal(options.log);
    const letters = options.metrics?.counter('headrace_dead_letters_total', 'Dead letters written', ['reason']);
    const countDeadLetter = (reason: string): void => letters?.add(1, { reason });
    this.#lanes = new WebhookLanes({ ...options, countDeadLetter }, (rule) => this.#followers.get(rule)?.rule);
    for (const instance of this.#journal.instances()) this.#instances.set(instance.alert.id, instance);
    for (const rule of options.rules) this.add(rule);
    for (const instance of [...this.#instances.values()]) {
      if (!this.#followers.has(instance.alert.rule)) this.#change(resolved(instance, options.clock.now()));
    }
    this.#registerMetrics(options.metrics);
    this.#tick();
  }

  list(): readonly Alert[] {
    return [...[...this.#instances.values()].map((instance) => instance.alert), ...this.#recent];
  }

  add(rule: AlertRuleNode): void {
    const { tables, clock } = this.#options;
    const view = tables.get(rule.view);
    if (view === undefined) {
      throw new HeadraceError(`starting alert rule "${rule.name}": there is no view "${rule.view}"`, {
        code: 'ALERT_UNKNOWN_VIEW',
        domain: 'alert',
        next: 'name a materialized view that this project declares',
      });
    }
    this.#followers.get(rule.name)?.close();
    if (rule.webhook !== undefined) this.#lanes.open(rule.webhook);
    const follower = new RuleFollower({
      hub: tables.hub,
      clock,
      rule,
      view,
      from: this.#startOf(rule, view.topic),
      seen: (sighting) => this.#seen(rule, sighting),
      moved: () => this.#afterSlice(),
      report: (error, about) => this.#options.report?.(error, about),
    });
    this.#followers.set(rule.name, follower);
  }

  remove(rule: string): void {
    this.#followers.get(rule)?.close();
    this.#followers.delete(rule);
    for (const instance of [...this.#instances.values()]) {
      if (instance.alert.rule === rule) this.#change(resolved(instance, this.#options.clock.now()));
    }
    this.#commitSoon();
  }

  async caughtUp(): Promise<void> {
    const { tables, clock } = this.#options;
    for (const [name, follower] of this.#followers) {
      const until = tables.hub.highWatermarks(follower.topic);
      for (;;) {
        const turnEnd = clock.monotonicMs() + FEED_TURN_MS_MAX;
        if (follower.advanceTo(until, () => clock.monotonicMs() >= turnEnd)) break;
        if (this.#followers.get(name) !== follower) break;
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    }
    await this.flush();
  }

  async flush(): Promise<void> {
    while (this.#committing !== undefined) await this.#committing;
  }

  async close(): Promise<void> {
    for (const follower of this.#followers.values()) follower.close();
    this.#cancelTimer?.();
    await this.flush();
    this.#closed = true;
    this.#cancelRetry?.();
    await this.#lanes.close();
  }

  /** Where a rule goes on: after what its last commit had seen; the beginning of the view for a new rule. */
  #startOf(rule: AlertRuleNode, topicName: string): TopicPosition {
    const { log } = this.#options;
    const topic = topicNamed(log, topicName);
    const starts = logStarts(log, topic);
    const stored = this.#journal.position(rule.name);
    if (stored === undefined) return starts;
    const ends = highWatermarks(log, topic);
    const position = parsePosition(stored, starts);
    return position.every((at, partition) => at <= ends[partition]!) ? position : starts;
  }

  #seen(rule: AlertRuleNode, sighting: RuleSighting): void {
    const known = this.#instances.get(sighting.id);
    if (known === undefined && sighting.matches && this.#instances.size >= ALERT_INSTANCES_MAX) {
      const full = new Error(`${ALERT_INSTANCES_MAX} alerts are active; ${sighting.id} is left out`);
      this.#options.report?.(full, `alert rule ${rule.name}`);
      return;
    }
    const next = afterRow(rule, known, sighting, this.#options.clock.now());
    if (next === undefined || next === known) return;
    if (next.alert.state === known?.alert.state) this.#instances.set(sighting.id, next);
    else this.#change(next);
  }

  /** A transition: at once in the list, in the log with the next commit. */
  #change(instance: AlertInstance): void {
    const { id, state } = instance.alert;
    this.#changes.push(instance);
    this.#recent = this.#recent.filter((alert) => alert.id !== id);
    if (state === 'resolved') {
      this.#instances.delete(id);
      this.#recent = [instance.alert, ...this.#recent].slice(0, ALERTS_RESOLVED_KEPT);
    } else {
      this.#instances.set(id, instance);
    }
  }

  #afterSlice(): void {
    this.#moved = true;
    const now = this.#options.clock.now();
    if (this.#changes.length > 0 || now >= this.#positionDueAt) this.#commitSoon();
    this.#schedule();
  }

  /** Lets time act on every instance. */
  #tick(): void {
    const now = this.#options.clock.now();
    for (const instance of [...this.#instances.values()]) {
      const rule = this.#followers.get(instance.alert.rule)?.rule;
      const next = rule === undefined ? instance : afterTime(rule, instance, now);
      if (next !== instance) this.#change(next);
    }
    if (this.#changes.length > 0) this.#commitSoon();
    this.#schedule();
  }

  #schedule(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    let due: number | undefined;
    for (const instance of this.#instances.values()) {
      const rule = this.#followers.get(instance.alert.rule)?.rule;
      const at = rule === undefined ? undefined : dueAt(rule, instance);
      if (at !== undefined && (due === undefined || at < due)) due = at;
    }
    if (due === undefined || this.#closed) return;
    const delayMs = Math.max(1, due - this.#options.clock.now());
    this.#cancelTimer = this.#options.clock.after(delayMs, () => this.#tick());
  }

  /** One commit at a time; what comes meanwhile goes with the next. */
  #commitSoon(): void {
    if (this.#committing !== undefined || this.#cancelRetry !== undefined || this.#closed) return;
    if (this.#changes.length === 0 && !this.#moved) return;
    const changes = this.#changes;
    this.#changes = [];
    this.#moved = false;
    this.#positionDueAt = this.#options.clock.now() + ALERT_POSITION_MS;
    const positions = new Map([...this.#followers].map(([name, follower]) => [name, follower.position()]));
    this.#committing = this.#journal.commit(changes, positions).then(
      () => this.#committed(),
      (error) => this.#commitFailed(changes, error),
    );
  }

  #committed(): void {
    this.#committing = undefined;
    if (this.#changes.length > 0) this.#commitSoon();
  }

  /** Nothing is lost: the changes wait in front of those that came meanwhile, and the position has not moved. */
  #commitFailed(changes: readonly AlertInstance[], error: unknown): void {
    this.#committing = undefined;
    this.#changes = [...changes, ...this.#changes];
    this.#moved = true;
    this.#options.report?.(error, 'recording alerts');
    this.#cancelRetry = this.#options.clock.after(ALERT_COMMIT_RETRY_MS, () => {
      this.#cancelRetry = undefined;
      this.#commitSoon();
    });
  }

  #registerMetrics(metrics: MetricRegistry | undefined): void {
    const gauge = metrics?.gauge('headrace_alerts', 'Alerts by state', ['state']);
    metrics?.onCollect(() => {
      for (const state of ['pending', 'firing'] as const) {
        const count = [...this.#instances.values()].filter((instance) => instance.alert.state === state).length;
        gauge?.set(count, { state });
      }
    });
  }
}
