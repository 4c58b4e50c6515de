import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import { nearestName } from '../base/nearest-name.ts';
import type { Append, CommitResult, Log, TopicConfig } from '../log/log.ts';
import type { TopicSchema } from '../schema/topic-schema.ts';
import type { Counter, Histogram, MetricRegistry } from '../telemetry/metrics.ts';
import { Admission } from './admission.ts';
import { lengthOf } from './body-bytes.ts';
import { BodyGroup } from './body-group.ts';
import { DEAD_LETTER_TOPIC_CONFIG, deadLetterAppends, deadLetterOf } from './dead-letter.ts';
import type { FramedBody, Framer } from './framer.ts';
import { IdempotencyLedger, type IdempotentRequest } from './idempotency.ts';
import {
  DEAD_LETTER_TOPIC,
  type DeadLetter,
  type Ingest,
  type IngestRequest,
  type IngestResult,
  type Refusal,
} from './ingest.ts';
import { INGEST_LIMITS, INGEST_REFUSALS_MAX, type IngestLimits } from './limits.ts';
import { smallBodyOf } from './small-body.ts';

export interface AcceptorOptions {
  readonly log: Log;
  readonly framer: Framer;
  readonly clock: Clock;
  readonly metrics: MetricRegistry;
  readonly limits?: Partial<IngestLimits>;
  /** The compiled schema of a topic; undefined accepts any JSON. */
  readonly schemas: (topic: string) => TopicSchema | undefined;
  /** Calls back soon, after what is ready has run: `setImmediate` by default. */
  readonly soon?: (callback: () => void) => void;
}

export interface SweptIngest extends Ingest {
  /** Forgets idempotent answers that have expired; the owner calls it on a timer. */
  sweep(): Promise<{ readonly removed: number }>;
}

/** Makes the topic that refused records go to, if it is not there. */
export async function ensureDeadLetterTopic(log: Log): Promise<void> {
  if (log.topic(DEAD_LETTER_TOPIC) === undefined) await log.createTopic(DEAD_LETTER_TOPIC_CONFIG);
}

/** Names that begin so belong to the system; see `ensureDeadLetterTopic` and its siblings. */
const SYSTEM_TOPIC_PREFIX = '_';
const COMMIT_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** The way in, around whatever checks and frames the rows. */
export class Acceptor implements SweptIngest {
  readonly #log: Log;
  readonly #framer: Framer;
  readonly #clock: Clock;
  readonly #limits: IngestLimits;
  readonly #schemas: (topic: string) => TopicSchema | undefined;
  readonly #soon: (callback: () => void) => void;
  readonly #idempotency: IdempotencyLedger;
  readonly #metrics: IngestMetrics;
  readonly #admission: Admission;
  /** By topic. */
  readonly #groups = new Map<string, BodyGroup>();
  /** By topic, made once: under overload a stack for each refusal would take the time of those that are let in. */
  readonly #overloads = new Map<string, HeadraceError>();

  constructor(options: AcceptorOptions) {
    this.#log = options.log;
    this.#framer = options.framer;
    this.#clock = options.clock;
    this.#limits = { ...INGEST_LIMITS, ...options.limits };
    this.#schemas = options.schemas;
    this.#soon = options.soon ?? setImmediate;
    this.#admission = new Admission({
      monotonicMs: () => options.clock.monotonicMs(),
      waitTargetMs: this.#limits.waitTargetMs,
      costMax: this.#limits.pendingBytesMax,
    });
    this.#idempotency = new IdempotencyLedger(options.log, options.clock);
    this.#metrics = new IngestMetrics(options.metrics);
    options.log.beforeRound(() => {
      for (const group of this.#groups.values()) group.flush();
    });
  }

  async accept(request: IngestRequest): Promise<IngestResult> {
    const topic = this.#topic(request.topic);
    const admitted = this.#admission.enter(lengthOf(request.body));
    if (admitted === undefined || this.#logIsFull(request)) {
      if (admitted !== undefined) this.#admission.leave(admitted);
      throw this.#overloaded(request);
    }
    try {
      const { turn } = request;
      return await (turn === undefined ? this.#take(request, topic) : turn(() => this.#take(request, topic)));
    } finally {
      this.#admission.leave(admitted);
    }
  }

  /** A promise, and no more ticks than there must be: the order of requests is that of the calls. */
  #take(request: IngestRequest, topic: TopicConfig): Promise<IngestResult> {
    const idempotent = this.#idempotency.identify(request);
    const small = smallBodyOf(request);
    if (small !== undefined) return this.#group(topic).add(request, small);
    this.#groups.get(topic.name)?.flush();
    if (idempotent === undefined) return this.#commit(request, topic, undefined);
    return this.#idempotency.once(idempotent, () => this.#commit(request, topic, idempotent));
  }

  #group(topic: TopicConfig): BodyGroup {
    const schema = this.#schemas(topic.name);
    const known = this.#groups.get(topic.name);
    if (known?.isFor(topic, schema)) return known;
    known?.flush();
    const group = new BodyGroup({
      log: this.#log,
      framer: this.#framer,
      clock: this.#clock,
      limits: this.#limits,
      soon: this.#soon,
      topic,
      schema,
      alone: (request) => this.#commit(request, topic, undefined),
      committed: (records, bytes, seconds) => this.#metrics.accepted(topic.name, records, bytes, seconds),
    });
    this.#groups.set(topic.name, group);
    return group;
  }

  sweep(): Promise<{ readonly removed: number }> {
    return this.#idempotency.sweep();
  }

  /** Everything up to `log.commit` is synchronous: requests for one topic reach the log in the order of the calls. */
  async #commit(
    request: IngestRequest,
    topic: TopicConfig,
    idempotent: IdempotentRequest | undefined,
  ): Promise<IngestResult> {
    const timestamp = this.#clock.now();
    const { body, format } = request;
    const bytes = lengthOf(body);
    const framed: FramedBody =
      bytes === 0 && (request.rejects?.length ?? 0) > 0
        ? { accepted: 0, appends: [], refused: [] }
        : this.#framer.frame({
            body,
            format,
            topic,
            schema: this.#schemas(topic.name),
            limits: this.#limits,
            timestamp,
          });
    const letters = this.#deadLetters(request, framed, timestamp);
    const answer = answerOf(topic.name, framed, request);
    const appends =
      letters.length === 0
        ? framed.appends
        : [...framed.appends, ...deadLetterAppends(letters, timestamp, this.#limits.batchBytesMax)];
    const puts = [...(request.puts ?? [])];
    if (idempotent !== undefined) puts.push(this.#idempotency.put(idempotent, answer));
    if (appends.length === 0 && puts.length === 0) return answer;
    const started = this.#clock.monotonicMs();
    const result = await this.#log.commit({ appends, puts }).finally(() => this.#framer.release(framed.appends));
    this.#metrics.accepted(topic.name, framed.accepted, bytes, (this.#clock.monotonicMs() - started) / 1000);
    for (const letter of letters) this.#metrics.refused(topic.name, letter.reason);
    return { ...answer, placements: placementsOf(framed.appends, result) };
  }

  #topic(name: string): TopicConfig {
    const topic = this.#log.topic(name);
    if (topic !== undefined && !name.startsWith(SYSTEM_TOPIC_PREFIX)) return topic;
    if (name.startsWith(SYSTEM_TOPIC_PREFIX)) {
      throw new HeadraceError(`ingesting into "${name}": topics that begin with "_" are written by the system only`, {
        code: 'INGEST_TOPIC_RESERVED',
        domain: 'ingest',
        next: 'choose another topic',
      });
    }
    const names = this.#log.topics().map((other) => other.name);
    const near = nearestName(
      name,
      names.filter((other) => !other.startsWith(SYSTEM_TOPIC_PREFIX)),
    );
    throw new HeadraceError(
      `ingesting into "${name}": there is no such topic${near === undefined ? '' : ` (did you mean "${near}"?)`}`,
      {
        code: 'INGEST_UNKNOWN_TOPIC',
        domain: 'ingest',
        next: `create it with: headrace topics create ${quoteForShell(name)}`,
      },
    );
  }

  /** Pipelines and others write too: the log has a bound of its own. */
  #logIsFull(request: IngestRequest): boolean {
    const pending = this.#log.pendingBytes() + (this.#groups.get(request.topic)?.bytes ?? 0);
    return pending > 0 && pending + lengthOf(request.body) > this.#limits.pendingBytesMax;
  }

  #overloaded({ topic }: IngestRequest): HeadraceError {
    this.#metrics.overloaded(topic);
    const known = this.#overloads.get(topic);
    if (known !== undefined) return known;
    const error = new HeadraceError(`ingesting into "${topic}": more comes than can be made durable in time`, {
      code: 'INGEST_OVERLOADED',
      domain: 'ingest',
      retryable: true,
      next: 'send the same request again after a moment (ingest.wait_target, ingest.pending_bytes_max)',
    });
    this.#overloads.set(topic, error);
    return error;
  }

  #deadLetters(
    request: IngestRequest,
    framed: FramedBody,
    receivedAt: ReturnType<Clock['now']>,
  ): readonly DeadLetter[] {
    const { topic } = request;
    const letters = framed.refused.map(({ reason, pointer, message, bytes }) =>
      deadLetterOf({ topic, reason, pointer, message, receivedAt }, bytes),
    );
    for (const { reason, message, bytes, line } of request.rejects ?? []) {
      const origin = { topic, reason, pointer: undefined, message: `line ${line}: ${message}`, receivedAt };
      letters.push(deadLetterOf(origin, bytes));
    }
    return letters;
  }
}

function answerOf(topic: string, framed: FramedBody, request: IngestRequest): IngestResult {
  const rejects = request.rejects ?? [];
  const refusals: Refusal[] = [];
  for (const { line, reason, pointer, message } of framed.refused.slice(0, INGEST_REFUSALS_MAX)) {
    refusals.push({ line, reason, pointer, message });
  }
  for (const { line, reason, message } of rejects.slice(0, INGEST_REFUSALS_MAX - refusals.length)) {
    refusals.push({ line, reason, pointer: undefined, message });
  }
  return {
    topic,
    accepted: framed.accepted,
    refused: framed.refused.length + rejects.length,
    refusals,
    placements: [],
    replayed: false,
  };
}

/** One entry per partition: batches of one request follow each other in it. */
function placementsOf(appends: readonly Append[], result: CommitResult): IngestResult['placements'] {
  const placements: {
    partition: number;
    baseOffset: IngestResult['placements'][number]['baseOffset'];
    records: number;
  }[] = [];
  for (let i = 0; i < appends.length; i++) {
    const { partition, records } = appends[i]!;
    const earlier = placements.find((placement) => placement.partition === partition);
    if (earlier === undefined) placements.push({ partition, baseOffset: result.baseOffsets[i]!, records });
    else earlier.records += records;
  }
  return placements;
}

function quoteForShell(name: string): string {
  return /^[A-Za-z0-9._-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`;
}

class IngestMetrics {
  readonly #records: Counter;
  readonly #bytes: Counter;
  readonly #refused: Counter;
  readonly #deadLetters: Counter;
  readonly #overloaded: Counter;
  readonly #commitSeconds: Histogram;

  constructor(metrics: MetricRegistry) {
    this.#records = metrics.counter('headrace_ingest_records_total', 'Records accepted', ['topic']);
    this.#bytes = metrics.counter('headrace_ingest_bytes_total', 'Bytes of bodies accepted', ['topic']);
    this.#refused = metrics.counter('headrace_ingest_refused_total', 'Records refused', ['topic', 'reason']);
    this.#deadLetters = metrics.counter('headrace_dead_letters_total', 'Dead letters written', ['reason']);
    this.#overloaded = metrics.counter('headrace_ingest_overloaded_total', 'Requests refused under overload', [
      'topic',
    ]);
    this.#commitSeconds = metrics.histogram(
      'headrace_ingest_commit_seconds',
      'From handing a request to the log until it is durable',
      COMMIT_BUCKETS,
    );
  }

  accepted(topic: string, records: number, bytes: number, seconds: number): void {
    this.#records.add(records, { topic });
    this.#bytes.add(bytes, { topic });
    this.#commitSeconds.observe(seconds);
  }

  refused(topic: string, reason: string): void {
    this.#refused.add(1, { topic, reason });
    this.#deadLetters.add(1, { reason });
  }

  overloaded(topic: string): void {
    this.#overloaded.add(1, { topic });
  }
}
