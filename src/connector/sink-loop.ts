import { type Offset, offset, timestampMs } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import { decideRetry, type RetryPolicy } from '../base/retry.ts';
import { deadLetterAppends, deadLetterOf } from '../ingest/dead-letter.ts';
import { INGEST_LIMITS } from '../ingest/limits.ts';
import type { Log } from '../log/log.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { SinkConnector, SinkStatus } from './connector.ts';
import { SinkLedger, type SinkPosition } from './sink-position.ts';
import type { SinkBatch, SinkRefusal, SinkTarget } from './sink-target.ts';
import { PartitionReading } from './topic-reading.ts';

/** What may pass is tried for as long as it takes: the topic waits, and nobody else does. */
export const SINK_RETRY: RetryPolicy = {
  baseMs: 200,
  delayMsMax: 30_000,
  attemptsMax: Number.POSITIVE_INFINITY,
  elapsedMsMax: Number.POSITIVE_INFINITY,
};

export interface SinkLoopOptions<State> {
  readonly name: string;
  readonly topic: string;
  /** What the position belongs to: another identity begins anew. */
  readonly identity: string;
  readonly target: SinkTarget<State>;
  /** Where a new sink begins. */
  readonly start: 'earliest' | 'latest';
  readonly rowsMax: number;
  readonly bytesMax: number;
  /** Time from the first new record to a delivery, so that more come together. */
  readonly waitMs: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: () => number;
}

interface Taken {
  readonly batch: SinkBatch;
  readonly partition: number;
  readonly next: Offset;
}

/**
 * Takes a topic to a target, batch by batch. The position is committed after each, with the target's state and the dead
 * letters of what it refused; so a crash in between repeats one batch, which a target either takes back
 * (`SinkTarget.open`) or knows by its key.
 */
export class SinkLoop<State> implements SinkConnector {
  readonly name: string;
  readonly #options: SinkLoopOptions<State>;
  readonly #ledger: SinkLedger<State>;
  readonly #stop = new AbortController();
  #readings: readonly PartitionReading[] = [];
  #position: SinkPosition<State> | undefined;
  #state: SinkStatus['state'] = 'starting';
  #records = 0;
  #refused = 0;
  #error: Error | undefined;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #waiters: { readonly until: readonly number[]; readonly done: () => void; readonly failed: (e: Error) => void }[] =
    [];

  constructor(options: SinkLoopOptions<State>) {
    this.name = options.name;
    this.#options = options;
    this.#ledger = new SinkLedger(options.log, options.name, options.identity);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    if (this.#state !== 'failed') this.#state = 'stopped';
    this.#stop.abort();
    this.#wake?.();
    await this.#running;
  }

  drained(): Promise<void> {
    const until = this.#highWatermarks();
    return new Promise((done, failed) => {
      this.#waiters.push({ until, done, failed });
      this.#tellWaiters();
      this.#wake?.();
    });
  }

  status(): SinkStatus {
    const offsets = this.#position?.offsets;
    const lagRecords = this.#highWatermarks().reduce(
      (sum, end, at) => sum + Math.max(0, end - (offsets?.[at] ?? 0)),
      0,
    );
    return { state: this.#state, records: this.#records, refused: this.#refused, lagRecords, error: this.#error };
  }

  async #run(): Promise<void> {
    const { log, target } = this.#options;
    const unsubscribe = log.onCommit(() => this.#wake?.());
    try {
      await this.#retrying(() => this.#open());
      while (!this.#stop.signal.aborted) {
        const taken = this.#take();
        if (taken !== undefined) await this.#retrying(() => this.#deliver(taken));
        else await this.#forMore();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      unsubscribe();
      for (const reading of this.#readings) reading.close();
      await target.close().catch(() => undefined);
      this.#tellWaiters();
    }
  }

  async #open(): Promise<void> {
    const { log, topic, target, start } = this.#options;
    const stored = this.#ledger.read();
    const state = await target.open(stored?.state);
    const bounds = this.#partitions().map((partition) => log.bounds(topic, partition));
    const offsets = bounds.map(({ logStart, highWatermark }, at) =>
      Math.max(logStart, stored?.offsets[at] ?? (start === 'earliest' ? logStart : highWatermark)),
    );
    const position = { ...(stored?.pending && { pending: stored.pending }), offsets, state };
    await log.commit({ appends: [], puts: [this.#ledger.put(position)] });
    this.#moveTo(position);
    this.#readings = offsets.map((from, partition) => new PartitionReading(log, topic, partition, offset(from)));
    if (this.#state === 'starting') this.#state = 'running';
    this.#tellWaiters();
  }

  /** The next batch: of the pending partition if there is one, else of the first that has something. */
  #take(): Taken | undefined {
    const { topic, rowsMax, bytesMax } = this.#options;
    const { pending, offsets } = this.#position!;
    for (const partition of pending === undefined ? this.#partitions() : [pending.partition]) {
      const to = offset(pending?.to ?? Number.MAX_SAFE_INTEGER);
      const { records, next } = this.#readings[partition]!.take(rowsMax, bytesMax, to);
      if (records.length > 0 || next > offsets[partition]!) return { batch: { topic, records }, partition, next };
    }
    return undefined;
  }

  async #deliver({ batch, partition, next }: Taken): Promise<void> {
    const { log, target } = this.#options;
    const before = this.#position!;
    const pending = { partition, to: next };
    if (target.fixedBatches && before.pending?.to !== next) {
      const announced = { ...before, pending };
      await log.commit({ appends: [], puts: [this.#ledger.put(announced)] });
      this.#position = announced;
    }
    const none = { state: before.state, refused: [] };
    const { state, refused } =
      batch.records.length === 0 ? none : await target.write(batch, before.state, this.#stop.signal);
    const offsets = before.offsets.map((from, at) => (at === partition ? next : from));
    await log.commit({ appends: this.#letters(refused), puts: [this.#ledger.put({ offsets, state })] });
    this.#moveTo({ offsets, state });
    this.#records += batch.records.length - refused.length;
    this.#refused += refused.length;
    this.#error = undefined;
    this.#tellWaiters();
  }

  #moveTo(position: SinkPosition<State>): void {
    const { log, topic, name } = this.#options;
    this.#position = position;
    for (const [partition, from] of position.offsets.entries()) log.pin(`sink:${name}`, topic, partition, offset(from));
  }

  #letters(refused: readonly SinkRefusal[]) {
    const { topic, name, clock } = this.#options;
    const letters = refused.map(({ record, message }) => ({
      ...deadLetterOf(
        { topic, reason: 'sink', pointer: undefined, message, receivedAt: timestampMs(record.timestamp) },
        record.value ?? new Uint8Array(0),
      ),
      partition: record.partition,
      offset: record.offset,
      operator: `sink:${name}`,
    }));
    return deadLetterAppends(letters, clock.now(), INGEST_LIMITS.batchBytesMax);
  }

  /** Until it has succeeded, the sink is stopped, or what is wrong cannot pass. */
  async #retrying(action: () => Promise<void>): Promise<void> {
    const { clock, logger, random = Math.random } = this.#options;
    const firstAtMs = clock.monotonicMs();
    for (let attempts = 1; !this.#stop.signal.aborted; attempts++) {
      try {
        await action();
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const retryable = error instanceof HeadraceError && error.retryable;
        const askedMs = error instanceof SinkBusy ? error.retryAfterMs : undefined;
        const nowMs = clock.monotonicMs();
        const decision = decideRetry(SINK_RETRY, { attempts, firstAtMs, nowMs, retryable, askedMs }, random());
        if (decision.kind === 'give-up') throw error;
        this.#error = error as Error;
        logger.warn('sink is retried', { sink: this.name, error, retry_ms: decision.delayMs });
        await this.#sleep(decision.delayMs);
      }
    }
  }

  /** Returns when there may be more, and what has come lately has had time to come together. */
  async #forMore(): Promise<void> {
    const behind = (): boolean => this.#highWatermarks().some((end, at) => end > this.#position!.offsets[at]!);
    if (!behind()) {
      await new Promise<void>((resolve) => {
        this.#wake = () => {
          if (behind() || this.#stop.signal.aborted) resolve();
        };
        this.#wake();
      });
      this.#wake = undefined;
    }
    await this.#sleep(this.#waiters.length === 0 ? this.#options.waitMs : 0);
  }

  #sleep(delayMs: number): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve();
    if (delayMs === 0) return new Promise((resolve) => setImmediate(resolve));
    return new Promise((resolve) => {
      const { signal } = this.#stop;
      const end = (): void => {
        cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const cancel = this.#options.clock.after(delayMs, end);
      signal.addEventListener('abort', end);
    });
  }

  #fail(error: unknown): void {
    this.#error = error instanceof Error ? error : new Error(String(error));
    this.#state = 'failed';
    this.#options.logger.error('sink has failed', { sink: this.name, error });
  }

  #tellWaiters(): void {
    const { offsets } = this.#position ?? {};
    this.#waiters = this.#waiters.filter(({ until, done, failed }) => {
      if (offsets !== undefined && until.every((end, at) => offsets[at]! >= end)) done();
      else if (this.#state === 'failed') failed(this.#error!);
      else if (this.#state === 'stopped') failed(new Error(`sink ${this.name} was stopped`));
      else return true;
      return false;
    });
  }

  #partitions(): readonly number[] {
    const { log, topic } = this.#options;
    return Array.from({ length: log.topic(topic)?.partitions ?? 0 }, (_, partition) => partition);
  }

  #highWatermarks(): readonly number[] {
    const { log, topic } = this.#options;
    return this.#partitions().map((partition) => log.bounds(topic, partition).highWatermark);
  }
}

/** The target asks to be left alone for a while. */
export class SinkBusy extends HeadraceError {
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs: number | undefined, cause?: unknown) {
    super(message, { code: 'CONNECTOR_TARGET_BUSY', domain: 'connector', retryable: true, cause });
    this.retryAfterMs = retryAfterMs;
  }
}
