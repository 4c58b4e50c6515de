import { type Offset, offset, timestampMs } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import { Attempts, pause, untilDelivered } from '../delivery/attempts.ts';
import { deadLetterAppends, deadLetterOf } from '../ingest/dead-letter.ts';
import { INGEST_LIMITS } from '../ingest/limits.ts';
import type { Log } from '../log/log.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { SinkConnector, SinkStatus } from './connector.ts';
import { pinSink, SinkLedger, type SinkPosition } from './sink-position.ts';
import type { SinkBatch, SinkDelivery, SinkRecord, SinkRefusal, SinkTarget } from './sink-target.ts';
import { PartitionReading } from './topic-reading.ts';

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
  /** Longest time between attempts. */
  readonly retryMsMax: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: () => number;
}

interface Taken {
  readonly records: readonly SinkRecord[];
  readonly partition: number;
  readonly next: Offset;
}

/**
 * Takes a topic to a target, batch by batch. The position is committed after each, with the target's state and the dead
 * letters of what it refused; so a crash in between repeats one batch, which a target takes back (`SinkTarget.open`), knows by its key,
 * or finds behind a position that it keeps itself (`SinkTarget.keepsPosition`).
 */
export class SinkLoop<State> implements SinkConnector {
  readonly name: string;
  readonly #options: SinkLoopOptions<State>;
  readonly #ledger: SinkLedger<State>;
  readonly #stop = new AbortController();
  readonly #attempts: Attempts;
  #readings: readonly PartitionReading[] = [];
  #position: SinkPosition<State> | undefined;
  #state: SinkStatus['state'] = 'starting';
  #records = 0;
  #deliveries = 0;
  #refused = 0;
  #error: Error | undefined;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #waiters: { readonly until: readonly number[]; readonly done: () => void; readonly failed: (e: Error) => void }[] =
    [];

  constructor(options: SinkLoopOptions<State>) {
    this.name = options.name;
    this.#options = options;
    this.#ledger = new SinkLedger(options.log, options.name, options.topic, options.identity);
    const { clock, random = Math.random, retryMsMax } = options;
    this.#attempts = new Attempts(untilDelivered(retryMsMax), {
      clock,
      random,
      signal: this.#stop.signal,
      onRetry: (error, delayMs) => this.#retried(error, delayMs),
    });
  }

  start(): void {
    if (this.#running !== undefined) return;
    // Before the target can be reached: what it has not had is kept meanwhile.
    const stored = this.#ledger.read();
    if (stored !== undefined) this.#pin(stored.offsets);
    this.#running = this.#run();
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
    return {
      state: this.#state,
      records: this.#records,
      deliveries: this.#deliveries,
      retries: this.#attempts.retries,
      breaker: this.#attempts.breaker,
      refused: this.#refused,
      lagRecords,
      error: this.#error,
    };
  }

  async #run(): Promise<void> {
    const { log, target } = this.#options;
    const unsubscribe = log.onCommit(() => this.#wake?.());
    try {
      await this.#attempts.run(() => this.#open());
      while (!this.#stop.signal.aborted) {
        const taken = this.#take();
        if (taken !== undefined) await this.#attempts.run(() => this.#deliver(taken));
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
    const bounds = this.#partitions().map((partition) => log.bounds(topic, partition));
    const isNew = stored === undefined;
    const begin = bounds.map(
      ({ logStart, highWatermark }, at) =>
        stored?.offsets[at] ?? (isNew && start === 'latest' ? highWatermark : logStart),
    );
    const { state, offsets = begin } = await target.open(stored, begin, this.#stop.signal);
    for (const [partition, bound] of bounds.entries()) {
      requireReadable(this.name, topic, partition, offsets[partition]!, bound);
    }
    const { pending, refused } = stored ?? {};
    const position = positionOf({ ...(pending && { pending }), ...(refused && { refused }), offsets, state });
    await log.commit({ appends: [], puts: [this.#ledger.put(position)] });
    this.#moveTo(position);
    for (const reading of this.#readings) reading.close();
    this.#readings = offsets.map((from, partition) => new PartitionReading(log, topic, partition, offset(from)));
    if (this.#state === 'starting') this.#state = 'running';
    this.#error = undefined;
    this.#tellWaiters();
  }

  /** The next batch: of the pending partition if there is one, else of the first that has something. */
  #take(): Taken | undefined {
    const { rowsMax, bytesMax } = this.#options;
    const { pending, offsets } = this.#position!;
    if (pending !== undefined) {
      const { partition, to } = pending;
      return { ...this.#readings[partition]!.takeTo(offset(to)), partition };
    }
    const end = offset(Number.MAX_SAFE_INTEGER);
    for (const partition of this.#partitions()) {
      const { records, next } = this.#readings[partition]!.take(rowsMax, bytesMax, end);
      if (records.length > 0 || next > offsets[partition]!) return { records, partition, next };
    }
    return undefined;
  }

  async #deliver(taken: Taken): Promise<void> {
    await this.#announce(taken);
    for (;;) {
      const batch = this.#batchOf(taken);
      const delivery = await this.#write(batch);
      if (delivery.kind === 'delivered') {
        await this.#commit(batch, delivery);
        return;
      }
      await this.#journal(delivery.refused);
    }
  }

  async #announce({ partition, next }: Taken): Promise<void> {
    const { log, target } = this.#options;
    const before = this.#position!;
    if (!target.fixedBatches || before.pending?.to === next) return;
    const announced = { ...before, pending: { partition, to: next } };
    await log.commit({ appends: [], puts: [this.#ledger.put(announced)] });
    this.#position = announced;
  }

  #batchOf({ records, partition, next }: Taken): SinkBatch {
    const { offsets, refused = [] } = this.#position!;
    const out = new Set(refused.filter((record) => record.partition === partition).map((record) => record.offset));
    const left = out.size === 0 ? records : records.filter((record) => !out.has(record.offset));
    return { topic: this.#options.topic, partition, records: left, from: offset(offsets[partition]!), next };
  }

  async #write(batch: SinkBatch): Promise<SinkDelivery<State>> {
    const { target } = this.#options;
    const { state } = this.#position!;
    if (batch.records.length === 0 && !target.keepsPosition) return { kind: 'delivered', state, refused: [] };
    return target.write(batch, state, this.#stop.signal);
  }

  async #commit(
    { records, partition, next }: SinkBatch,
    { state, refused }: SinkDelivery<State> & { readonly kind: 'delivered' },
  ): Promise<void> {
    const { log } = this.#options;
    const before = this.#position!;
    const offsets = before.offsets.map((from, at) => (at === partition ? next : from));
    const position = positionOf({ offsets, state, ...(before.refused && { refused: before.refused }) });
    await log.commit({ appends: this.#letters(refused), puts: [this.#ledger.put(position)] });
    this.#moveTo(position);
    this.#records += records.length - refused.length;
    this.#deliveries += 1;
    this.#refused += refused.length;
    this.#error = undefined;
    this.#tellWaiters();
  }

  /** The letters, and that they are written, in one commit: whatever happens next, these records are given to the target no more. */
  async #journal(refused: readonly SinkRefusal[]): Promise<void> {
    if (refused.length === 0) throw new Error(`sink ${this.name}: its target refused a batch and no record of it`);
    const before = this.#position!;
    const known = before.refused ?? [];
    const added = refused.map(({ record: { partition, offset } }) => ({ partition, offset }));
    const position = { ...before, refused: [...known, ...added] };
    await this.#options.log.commit({ appends: this.#letters(refused), puts: [this.#ledger.put(position)] });
    this.#position = position;
    this.#refused += refused.length;
  }

  #moveTo(position: SinkPosition<State>): void {
    this.#position = position;
    this.#pin(position.offsets);
  }

  #pin(offsets: readonly number[]): void {
    pinSink(this.#options.log, this.name, this.#options.topic, offsets);
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

  #retried(error: Error, delayMs: number): void {
    this.#error = error;
    this.#options.logger.warn('sink is retried', { sink: this.name, error, retry_ms: delayMs });
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
    await pause(this.#options.clock, this.#waiters.length === 0 ? this.#options.waitMs : 0, this.#stop.signal);
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

/** Of the records that were refused, those that are still to come. */
function positionOf<State>({ refused, ...position }: SinkPosition<State>): SinkPosition<State> {
  const ahead = refused?.filter(({ partition, offset }) => offset >= position.offsets[partition]!);
  return ahead === undefined || ahead.length === 0 ? position : { ...position, refused: ahead };
}

/** @throws HeadraceError `CONNECTOR_POSITION_GONE`, `CONNECTOR_POSITION_AHEAD` */
function requireReadable(
  sink: string,
  topic: string,
  partition: number,
  from: number,
  { logStart, highWatermark }: { readonly logStart: number; readonly highWatermark: number },
): void {
  const at = `opening sink "${sink}": it is at offset ${from} of partition ${partition} of topic "${topic}"`;
  if (from < logStart) {
    throw new HeadraceError(`${at}, and retention has deleted what lies before ${logStart}`, {
      code: 'CONNECTOR_POSITION_GONE',
      domain: 'connector',
      next: 'give the sink another name to begin anew with what is left',
    });
  }
  if (from > highWatermark) {
    throw new HeadraceError(`${at}, which ends at ${highWatermark}`, {
      code: 'CONNECTOR_POSITION_AHEAD',
      domain: 'connector',
      next: 'bring back the data directory that it read, or give the sink another name to begin anew',
    });
  }
}
