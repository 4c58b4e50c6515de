import { createHash } from 'node:crypto';
import { utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { HeadraceError, messageOf } from '../base/error.ts';
import { DEFAULT_RETRY, decideRetry } from '../base/retry.ts';
import {
  afterFailure,
  afterSuccess,
  type BreakerState,
  CLOSED,
  DEFAULT_BREAKER,
  mayAttempt,
} from '../delivery/circuit-breaker.ts';
import type { LedgerPut, Log } from '../log/log.ts';
import type { AlertRuleNode } from '../plan/node.ts';
import type { Tables } from '../serving/tables.ts';
import { highWatermarks, logStarts, type RecordListener, topicNamed } from '../serving/topic-feed.ts';
import type { Following } from '../serving/topic-hub.ts';
import { formatPosition, parsePosition, type TopicPosition } from '../serving/topic-position.ts';
import type { TopicRecord } from '../serving/topic-record.ts';
import { ALERT_TOPIC, type Alert } from './alert.ts';
import { ALERT_COMMIT_RETRY_MS, WEBHOOK_TIMEOUT_MS } from './limits.ts';
import { type Delivery, deadLetterOf, ensureDeadLetterTopic, WEBHOOK_REASON } from './undelivered.ts';

export interface WebhookRequest {
  readonly url: string;
  /** JSON of the {@link Alert}. */
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Sends a request; throws when there is no answer. */
export type PostWebhook = (
  request: WebhookRequest,
) => Promise<{ readonly status: number; readonly retryAfterMs?: number | undefined }>;

export interface WebhookContext {
  readonly log: Log;
  readonly tables: Tables;
  readonly clock: Clock;
  readonly post?: PostWebhook;
  readonly random?: () => number;
  readonly report?: (error: unknown, about: string) => void;
  readonly countDeadLetter?: (reason: string) => void;
}

/** One lane per address, so that one that does not answer holds up no other. */
export class WebhookLanes {
  readonly #context: WebhookContext;
  readonly #ruleOf: (rule: string) => AlertRuleNode | undefined;
  readonly #lanes = new Map<string, WebhookLane>();

  constructor(context: WebhookContext, ruleOf: (rule: string) => AlertRuleNode | undefined) {
    this.#context = context;
    this.#ruleOf = ruleOf;
  }

  open(url: string): void {
    if (!this.#lanes.has(url)) this.#lanes.set(url, new WebhookLane(this.#context, url, this.#ruleOf));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()));
  }
}

const SPACE = 'alert';

/**
 * Sends the transitions to `firing` and `resolved` of one address in order, at least once: the position in `_alerts` is
 * committed after the answer. Every request carries an `Idempotency-Key` that is the same when it is repeated.
 */
class WebhookLane implements RecordListener {
  readonly #context: WebhookContext;
  readonly #url: string;
  readonly #key: string;
  readonly #ruleOf: (rule: string) => AlertRuleNode | undefined;
  readonly #following: Following;
  readonly #waiting: Delivery[] = [];
  #breaker: BreakerState = CLOSED;
  #working: Promise<void> | undefined;
  #wakeEarly: (() => void) | undefined;
  #closed = false;

  constructor(context: WebhookContext, url: string, ruleOf: (rule: string) => AlertRuleNode | undefined) {
    this.#context = context;
    this.#url = url;
    this.#ruleOf = ruleOf;
    this.#key = `webhook:${createHash('sha256').update(url).digest('hex')}`;
    this.#following = context.tables.hub.follow(ALERT_TOPIC, this.#start(), this);
  }

  records(records: readonly TopicRecord[]): void {
    for (const record of records) {
      const alert = record.row() as Alert | null;
      if (alert === null || this.#ruleOf(alert.rule)?.webhook !== this.#url || !isNews(alert)) continue;
      const id = `${ALERT_TOPIC}:${record.partition}:${record.offset}`;
      const { partition, offset, timestamp: at } = record;
      this.#waiting.push({ id, partition, offset, at, body: record.text ?? '', position: record.resumeOffset() });
    }
    this.#work();
  }

  gap(): void {}

  failed(error: HeadraceError): void {
    this.#context.report?.(error, `webhook ${originOf(this.#url)}`);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#following.close();
    this.#wakeEarly?.();
    await this.#working;
  }

  /** After what was delivered; a new address hears of what comes from now on. */
  #start(): TopicPosition {
    const { log } = this.#context;
    const topic = topicNamed(log, ALERT_TOPIC);
    const stored = log.ledgerGet(SPACE, this.#key);
    const ends = highWatermarks(log, topic);
    if (stored === undefined) {
      // Recorded at once, so that a transition before the first delivery is not forgotten by a restart.
      this.#record(formatPosition(ends)).catch((error) =>
        this.#context.report?.(error, 'recording a webhook position'),
      );
      return ends;
    }
    return parsePosition(new TextDecoder().decode(stored), logStarts(log, topic));
  }

  async #record(position: string): Promise<void> {
    await this.#context.log.commit({ appends: [], puts: [this.#positionPut(position)] });
  }

  #positionPut(position: string): LedgerPut {
    return { space: SPACE, key: this.#key, value: utf8(position) };
  }

  #work(): void {
    if (this.#working !== undefined || this.#closed) return;
    this.#working = this.#deliverAll().finally(() => {
      this.#working = undefined;
      if (this.#waiting.length > 0 && !this.#closed) this.#work();
    });
  }

  async #deliverAll(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined && !this.#closed; next = this.#waiting[0]) {
      if (!(await this.#deliver(next))) return;
      this.#waiting.shift();
      try {
        await this.#record(next.position);
      } catch (error) {
        this.#context.report?.(error, 'recording a webhook position');
      }
    }
  }

  /** Puts what was given up on into the dead letters, with where it has come to; false when the lane was closed before. */
  async #bury(delivery: Delivery, error: HeadraceError): Promise<boolean> {
    const { log, clock, report, countDeadLetter } = this.#context;
    const letter = deadLetterOf(delivery, error, clock.now());
    while (!this.#closed) {
      try {
        await ensureDeadLetterTopic(log);
        await log.commit({ appends: [letter], puts: [this.#positionPut(delivery.position)] });
        countDeadLetter?.(WEBHOOK_REASON);
        return true;
      } catch (failure) {
        report?.(failure, 'writing a dead letter of a webhook');
        await this.#wait(ALERT_COMMIT_RETRY_MS);
      }
    }
    return false;
  }

  /** False when the lane was closed before an answer came. */
  async #deliver(delivery: Delivery): Promise<boolean> {
    const { clock, random = Math.random, report } = this.#context;
    const firstAtMs = clock.now();
    for (let attempts = 1; !this.#closed; attempts++) {
      await this.#breakerOpens();
      if (this.#closed) return false;
      const failure = await this.#attempt(delivery);
      if (failure === undefined) return true;
      const failed = { attempts, firstAtMs, nowMs: clock.now(), ...failure };
      const decision = decideRetry(DEFAULT_RETRY, failed, random());
      if (decision.kind === 'give-up') {
        const error = undelivered(this.#url, delivery, failure.why);
        report?.(error, `webhook ${originOf(this.#url)}`);
        return this.#bury(delivery, error);
      }
      await this.#wait(decision.delayMs);
    }
    return false;
  }

  async #breakerOpens(): Promise<void> {
    while (!this.#closed) {
      const answer = mayAttempt(this.#breaker, DEFAULT_BREAKER, this.#context.clock.now());
      this.#breaker = answer.state;
      if (answer.allowed) return;
      await this.#wait(answer.waitMs);
    }
  }

  async #attempt(
    delivery: Delivery,
  ): Promise<{ retryable: boolean; why: string; askedMs?: number | undefined } | undefined> {
    const { post = postByHttp, clock } = this.#context;
    const headers = { 'content-type': 'application/json', 'idempotency-key': delivery.id };
    try {
      const { status, retryAfterMs } = await post({ url: this.#url, body: delivery.body, headers });
      if (status >= 200 && status < 300) {
        this.#breaker = afterSuccess();
        return undefined;
      }
      this.#breaker = afterFailure(this.#breaker, DEFAULT_BREAKER, clock.now());
      const retryable = status >= 500 || status === 408 || status === 425 || status === 429;
      return { retryable, why: `it answered ${status}`, askedMs: retryAfterMs };
    } catch (error) {
      this.#breaker = afterFailure(this.#breaker, DEFAULT_BREAKER, clock.now());
      return { retryable: true, why: messageOf(error) };
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#context.clock.after(delayMs, resolve);
      this.#wakeEarly = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** Pending is nobody's business yet, and neither is the end of what never fired. */
function isNews(alert: Alert): boolean {
  return alert.state === 'firing' || (alert.state === 'resolved' && typeof alert.firingSince === 'number');
}

/** Addresses often carry a secret in their path, so only the origin is shown. */
function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'with an invalid address';
}

function undelivered(url: string, delivery: Delivery, why: string): HeadraceError {
  return new HeadraceError(`sending alert ${delivery.id} to ${originOf(url)}: ${why}`, {
    code: 'ALERT_WEBHOOK_UNDELIVERED',
    domain: 'alert',
    next: 'check the address of the webhook; the alert itself is in the topic _alerts',
  });
}

async function postByHttp({ url, body, headers }: WebhookRequest): ReturnType<PostWebhook> {
  const answer = await fetch(url, {
    method: 'POST',
    body,
    headers,
    redirect: 'error',
    signal: AbortSignal.timeout(WEBHOOK_TIMEOUT_MS),
  });
  await answer.body?.cancel();
  const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN);
  return { status: answer.status, retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined };
}
