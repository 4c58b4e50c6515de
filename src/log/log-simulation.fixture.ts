import { offset, timestampMs } from '../base/brand.ts';
import { utf8 } from '../base/bytes.ts';
import { ManualClock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import type { PlainOperation } from './disk.ts';
import type { LogLimits } from './limits.ts';
import type { Append, Log, ProducerStamp } from './log.ts';
import { LogModel, type ModelAppend, type ModelCommit, type ModelTopic } from './log-model.fixture.ts';
import { openLog } from './open.ts';
import { encodeRecordBatch } from './record-batch.ts';
import { type DiskFault, VirtualDisk } from './virtual-disk.ts';

/** A year of bad luck from one seed: what a log goes through, against {@link LogModel}. */

const DIR = '/data';
/** Small, so that a short run rolls segments, goes both ways (inline or not) and replaces its commit log often. */
const LIMITS: Partial<LogLimits> = {
  roundBytesMax: 8000,
  inlineBytesMax: 500,
  roundInlineBytesMax: 1500,
  commitLogBytesMax: 5000,
  commitSpaceBytes: 1024,
  commitReserveBytes: 512,
  extendBytes: 2048,
  indexIntervalBytes: 200,
  partitionsMax: 256,
  producerExpiryMs: 60_000,
};
const BUFFER_BYTES = 16_384;
const NAMES = ['a', 'b', 'c'];
const PRODUCERS = 3;

/** mulberry32: small, seeded, good enough for choosing. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Producer {
  readonly id: bigint;
  readonly append: { readonly topic: ModelTopic; readonly partition: number };
  epoch: number;
  next: number;
  lastSentMs: number;
  /** Answered ones of this epoch, oldest first; the last five are remembered by the log. */
  answered: { readonly commit: ModelCommit; readonly sequence: number }[];
  /** Sent and not known to be in the log: sent again before anything else. */
  open: { readonly commit: ModelCommit; readonly sequence: number } | undefined;
  busy: boolean;
}

function detailOf(operation: PlainOperation): string {
  if (operation.kind === 'set-length') return String(operation.length);
  if (operation.kind !== 'write') return '';
  return `${operation.position}+${operation.buffers.reduce((sum, buffer) => sum + buffer.length, 0)}`;
}

const UNANSWERED_CODES: readonly string[] = ['LOG_WRITE_FAILED', 'LOG_CORRUPT'];

export class LogSimulation {
  readonly #random: () => number;
  readonly #disk: VirtualDisk;
  readonly #clock = new ManualClock(1_000_000);
  readonly #model = new LogModel(BUFFER_BYTES);
  readonly #waiting: Promise<unknown>[] = [];
  readonly #producers: Producer[] = [];
  readonly #pins = new Map<string, number>();
  readonly #trace: (line: string) => void;
  #log!: Log;
  #fault: ((operation: PlainOperation, number: number) => DiskFault | undefined) | undefined;
  #mistake: Error | undefined;
  #nextId = 0;
  #retaining = 0;

  /** @param trace is told of every operation of the disk, and of every start */
  constructor(seed: number, trace: (line: string) => void = () => {}) {
    this.#random = randomOf(seed);
    this.#trace = trace;
    this.#disk = new VirtualDisk({
      random: this.#random,
      fault: (operation, number) => {
        const fault = this.#fault?.(operation, number);
        const path = operation.kind === 'rename' ? operation.to : operation.path;
        trace(`${number} ${operation.kind} ${path} ${detailOf(operation)} ${fault ?? ''}`);
        return fault;
      },
    });
  }

  /** @throws Error that says which invariant does not hold */
  async run(steps: number): Promise<void> {
    await this.#open();
    for (let step = 0; step < steps; step++) {
      await this.#step();
      if (this.#mistake !== undefined) throw this.#mistake;
    }
    await this.#settle();
    if (this.#log.stats().diskFull) this.#disk.capacity = Number.POSITIVE_INFINITY;
    this.#model.verify(this.#log, false);
    await this.#flipBits();
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #step(): Promise<void> | void {
    const choice = this.#random();
    if (choice < 0.5) return this.#send();
    if (choice < 0.62) return this.#produce();
    if (choice < 0.7) return this.#changeTopic();
    if (choice < 0.76) return this.#retain();
    if (choice < 0.82) return this.#pause();
    if (choice < 0.88) return this.#check();
    if (choice < 0.92) return this.#fillDisk();
    if (choice < 0.98) return this.#breakDown();
    return this.#restartCleanly();
  }

  async #pause(): Promise<void> {
    for (let i = this.#below(60); i > 0; i--) await Promise.resolve();
    if (this.#random() < 0.7) await new Promise((resolve) => setImmediate(resolve));
    this.#clock.advance(this.#below(3000));
  }

  #appendTo(
    topic: ModelTopic,
    partition: number,
    id: number,
    part: number,
    stamp?: ProducerStamp,
  ): [ModelAppend, Append] {
    const size = this.#random() < 0.3 ? 700 : 10;
    const values = Array.from({ length: 1 + this.#below(4) }, (_, i) => `${id}.${part}.${i}`);
    const timestamps = values.map(() => this.#clock.now() - this.#below(500));
    const records = values.map((value, i) => ({
      key: null,
      value: utf8(`${value}|${'x'.repeat(size)}`),
      timestamp: timestamps[i]!,
    }));
    const append = { topic: topic.name, partition, ...encodeRecordBatch(records, stamp) };
    return [{ topic, partition, values, timestamps, baseOffset: -1 }, append];
  }

  #partition(): [ModelTopic, number] | undefined {
    const topic = this.#model.topic(NAMES[this.#below(NAMES.length)]!);
    return topic === undefined || topic.state !== 'present' ? undefined : [topic, this.#below(topic.partitions)];
  }

  /** A commit over several partitions and the ledger, not waited for. */
  #send(): void {
    const id = this.#nextId++;
    const pairs: [ModelAppend, Append][] = [];
    for (let part = 1 + this.#below(4); part > 0; part--) {
      const place = this.#partition();
      if (place !== undefined) pairs.push(this.#appendTo(...place, id, part));
    }
    const commit: ModelCommit = { id, appends: pairs.map(([a]) => a), marker: `m${id}`, outcome: 'pending' };
    this.#model.commits.push(commit);
    const value = new Uint8Array(this.#below(60));
    const request = { appends: pairs.map(([, a]) => a), puts: [{ space: 'marks', key: `m${id}`, value }] };
    this.#wait(
      this.#log.commit(request).then(
        ({ baseOffsets }) => this.#answered(commit, baseOffsets),
        (error: unknown) => this.#refused(commit, error),
      ),
    );
  }

  #answered(commit: ModelCommit, baseOffsets: readonly number[]): void {
    commit.outcome = 'done';
    commit.appends.forEach((append, i) => {
      append.baseOffset = baseOffsets[i]!;
    });
  }

  #refused(commit: ModelCommit, error: unknown): void {
    const code = this.#codeOf(error);
    commit.outcome = UNANSWERED_CODES.includes(code) ? 'unknown' : 'refused';
    const expected = ['LOG_DISK_FULL', 'LOG_UNKNOWN_TOPIC', 'LOG_CLOSED', ...UNANSWERED_CODES];
    if (!expected.includes(code)) this.#mistake ??= new Error(`commit ${commit.id} was refused`, { cause: error });
  }

  #codeOf(error: unknown): string {
    if (error instanceof HeadraceError) return error.code;
    this.#mistake ??= new Error('an error without a code', { cause: error });
    return 'none';
  }

  #wait(promise: Promise<unknown>): void {
    this.#waiting.push(promise);
  }

  async #settle(): Promise<void> {
    while (this.#waiting.length > 0) await Promise.all(this.#waiting.splice(0));
  }

  /** The next batch of an idempotent producer, or one that must be recognised or refused. */
  async #produce(): Promise<void> {
    const index = this.#below(PRODUCERS);
    const place = this.#partition();
    if (place === undefined) return;
    let producer = this.#producers[index];
    if (producer === undefined || producer.append.topic.state !== 'present') {
      if (producer?.busy === true) return;
      const append = { topic: place[0], partition: place[1] };
      const id = BigInt(1000 + this.#nextId++);
      producer = { id, append, epoch: 0, next: 0, lastSentMs: 0, answered: [], open: undefined, busy: false };
      this.#producers[index] = producer;
    }
    if (producer.busy) return;
    producer.busy = true;
    this.#wait(this.#produceOne(producer).finally(() => (producer.busy = false)));
  }

  async #produceOne(producer: Producer): Promise<void> {
    const isKnown = producer.answered.length > 0 && this.#clock.now() - producer.lastSentMs < 30_000;
    const choice = this.#random();
    if (producer.open === undefined && isKnown && choice < 0.15)
      return this.#refuseOf(producer, producer.epoch, 7, 'LOG_OUT_OF_SEQUENCE');
    if (producer.open === undefined && isKnown && producer.epoch > 0 && choice < 0.25) {
      return this.#refuseOf(producer, producer.epoch - 1, 0, 'LOG_PRODUCER_FENCED');
    }
    if (producer.open === undefined && isKnown && choice < 0.5) return this.#repeat(producer);
    if (producer.open === undefined && choice < 0.6) {
      producer.epoch++;
      producer.next = 0;
      producer.answered = [];
    }
    if (producer.open === undefined) {
      const id = this.#nextId++;
      const { topic, partition } = producer.append;
      const [append] = this.#appendTo(topic, partition, id, 0);
      const commit: ModelCommit = { id, appends: [append], marker: undefined, outcome: 'pending' };
      this.#model.commits.push(commit);
      producer.open = { commit, sequence: producer.next };
    }
    const { commit, sequence } = producer.open;
    if (commit.outcome === 'done') return this.#gotThrough(producer);
    commit.outcome = 'pending';
    try {
      this.#answered(commit, [await this.#sendBatch(producer, commit, sequence, producer.epoch)]);
      this.#gotThrough(producer);
    } catch (error) {
      this.#refused(commit, error);
    }
  }

  #gotThrough(producer: Producer): void {
    const { commit, sequence } = producer.open!;
    producer.answered.push({ commit, sequence });
    producer.next = sequence + commit.appends[0]!.values.length;
    producer.open = undefined;
    producer.lastSentMs = this.#clock.now();
  }

  async #sendBatch(producer: Producer, commit: ModelCommit, baseSequence: number, epoch: number): Promise<number> {
    const [{ topic, partition, values, timestamps }] = commit.appends as [ModelAppend];
    const records = values.map((value, i) => ({ key: null, value: utf8(value), timestamp: timestamps[i]! }));
    const batch = encodeRecordBatch(records, { id: producer.id, epoch, baseSequence });
    const { baseOffsets } = await this.#log.commit({ appends: [{ topic: topic.name, partition, ...batch }], puts: [] });
    return baseOffsets[0]!;
  }

  /** One of the last five, sent again: the same offset, and nothing new. */
  async #repeat(producer: Producer): Promise<void> {
    const last = producer.answered.slice(-5);
    const { commit, sequence } = last[this.#below(last.length)]!;
    const expected = commit.appends[0]!.baseOffset;
    try {
      const base = await this.#sendBatch(producer, commit, sequence, producer.epoch);
      if (base !== expected) this.#mistake ??= new Error(`a repeated batch got offset ${base}, not ${expected}`);
    } catch (error) {
      this.#tolerate(error, ['LOG_DISK_FULL', 'LOG_CLOSED', 'LOG_UNKNOWN_TOPIC']);
    }
  }

  async #refuseOf(producer: Producer, epoch: number, ahead: number, code: string): Promise<void> {
    const id = this.#nextId++;
    const { topic, partition } = producer.append;
    const [append] = this.#appendTo(topic, partition, id, 0);
    const commit: ModelCommit = { id, appends: [append], marker: undefined, outcome: 'refused' };
    try {
      await this.#sendBatch(producer, commit, producer.next + ahead, epoch);
      this.#mistake ??= new Error(`producer ${producer.id} was not refused with ${code}`);
    } catch (error) {
      this.#tolerate(error, [code, 'LOG_DISK_FULL', 'LOG_CLOSED', 'LOG_UNKNOWN_TOPIC']);
    }
  }

  #tolerate(error: unknown, codes: readonly string[]): void {
    const code = this.#codeOf(error);
    if (codes.includes(code) || UNANSWERED_CODES.includes(code)) return;
    this.#mistake ??= new Error(`unexpected ${code}`, { cause: error });
  }

  /** Creates, changes or deletes a topic; one change of a name at a time. */
  #changeTopic(): void {
    const name = NAMES[this.#below(NAMES.length)]!;
    const topic = this.#model.topic(name);
    if (topic?.state === 'unknown') return;
    if (topic === undefined) this.#createTopic(name);
    else if (this.#random() < 0.4) this.#deleteTopic(topic);
    else
      this.#wait(
        this.#log
          .setTopicProperties(name, { at: String(this.#nextId) })
          .catch((e) => this.#tolerate(e, ['LOG_DISK_FULL', 'LOG_CLOSED'])),
      );
  }

  #createTopic(name: string): void {
    const partitions = 1 + this.#below(3);
    const hasRetention = this.#random() < 0.5;
    const topic: ModelTopic = {
      name,
      life: this.#nextId++,
      partitions,
      logStarts: Array.from({ length: partitions }, () => 0),
      hasRetention,
      state: 'unknown',
    };
    this.#model.topics.push(topic);
    const byTime = hasRetention && this.#random() < 0.5;
    const created = this.#log.createTopic({
      name,
      partitions,
      kind: 'append',
      retentionMs: byTime ? 5000 : undefined,
      retentionBytes: hasRetention && !byTime ? 3000 : undefined,
      segmentBytesMax: 1024 + this.#below(3000),
      keyPath: undefined,
      properties: {},
    });
    this.#wait(
      created.then(
        () => (topic.state = 'present'),
        (error: unknown) => this.#topicRefused(topic, 'absent', error),
      ),
    );
  }

  #deleteTopic(topic: ModelTopic): void {
    topic.state = 'unknown';
    for (const key of this.#pins.keys()) if (key.startsWith(`${topic.name}/`)) this.#unpin(key);
    const deleted = this.#log.deleteTopic(topic.name);
    this.#wait(
      deleted.then(
        () => (topic.state = 'absent'),
        (error: unknown) => this.#topicRefused(topic, 'present', error),
      ),
    );
  }

  /** A full disk leaves the topic as it was; when writing ended, nobody knows until the next start. */
  #topicRefused(topic: ModelTopic, otherwise: 'present' | 'absent', error: unknown): void {
    this.#tolerate(error, ['LOG_DISK_FULL', 'LOG_CLOSED', 'LOG_TOPIC_EXISTS']);
    const isThere = this.#log.topic(topic.name) !== undefined;
    if (!UNANSWERED_CODES.includes(this.#codeOf(error))) topic.state = isThere ? 'present' : 'absent';
    if (otherwise === 'absent' && topic.state === 'present') this.#mistake ??= new Error('a refused topic is there');
  }

  #unpin(key: string): void {
    const [name, partition] = key.split('/');
    this.#log.pin('reader', name!, Number(partition), undefined);
    this.#pins.delete(key);
  }

  #retain(): void {
    const place = this.#partition();
    // A pin holds from the next run of retention on.
    if (place !== undefined && this.#retaining === 0 && this.#random() < 0.4) {
      const key = `${place[0].name}/${place[1]}`;
      if (this.#pins.has(key)) {
        this.#unpin(key);
      } else {
        const { logStart, highWatermark } = this.#log.bounds(place[0].name, place[1]);
        const from = logStart + this.#below(highWatermark - logStart + 1);
        this.#pins.set(key, from);
        this.#log.pin('reader', place[0].name, place[1], offset(from));
      }
    }
    this.#clock.advance(this.#below(4000));
    this.#retaining++;
    const done = this.#log.applyRetention().then(
      () => this.#retaining--,
      (error: unknown) => {
        this.#retaining--;
        this.#tolerate(error, ['LOG_DISK_FULL', 'LOG_CLOSED']);
      },
    );
    this.#wait(done);
  }

  async #check(): Promise<void> {
    if (this.#random() < 0.5) await this.#settle();
    const place = this.#partition();
    if (place === undefined) return;
    const [{ name }, partition] = place;
    const { logStart, highWatermark } = this.#log.bounds(name, partition);
    const pinned = this.#pins.get(`${name}/${partition}`);
    if (pinned !== undefined && logStart > pinned)
      throw new Error(`retention went past the pin at ${pinned}: ${logStart}`);
    if (logStart > 0) this.#expectOutOfRange(name, partition, this.#below(logStart), logStart);
    const from = logStart + this.#below(highWatermark - logStart + 1);
    const reader = this.#log.reader(name, partition, offset(from));
    const bytes = reader.readInto(new Uint8Array(BUFFER_BYTES));
    if (from < highWatermark && (bytes === 0 || reader.position <= from)) throw new Error(`nothing at offset ${from}`);
    const time = this.#clock.now() - this.#below(8000);
    const wanted = this.#model.offsetAtTime(this.#log, name, partition, time);
    const got = this.#log.offsetAtTime(name, partition, timestampMs(time));
    if (got !== wanted) throw new Error(`time ${time} of ${name}/${partition} leads to ${got}, not ${wanted}`);
  }

  #expectOutOfRange(name: string, partition: number, at: number, logStart: number): void {
    try {
      this.#log.reader(name, partition, offset(at)).readInto(new Uint8Array(BUFFER_BYTES));
    } catch (error) {
      const { message } = error as Error;
      if (this.#codeOf(error) === 'LOG_OFFSET_OUT_OF_RANGE' && message.includes(String(logStart))) return;
      throw new Error(`reading before ${logStart} failed otherwise`, { cause: error });
    }
    throw new Error(`offset ${at} was read, though the partition begins at ${logStart}`);
  }

  /** The disk is full for a while: reads go on, nothing refused is ever seen, and writing goes on by itself. */
  async #fillDisk(): Promise<void> {
    this.#disk.capacity = this.#disk.usedBytes() + this.#below(3000);
    for (let i = 2 + this.#below(8); i > 0; i--) await this.#step0();
    await this.#settle();
    this.#model.verify(this.#log, false);
    this.#disk.capacity = Number.POSITIVE_INFINITY;
  }

  async #step0(): Promise<void> {
    const choice = this.#random();
    if (choice < 0.5) this.#send();
    else if (choice < 0.65) await this.#produce();
    else if (choice < 0.75) this.#changeTopic();
    else if (choice < 0.9) this.#retain();
    else await this.#pause();
  }

  /** A crash, a failed write or a failed fsync at some operation; then a restart, perhaps itself cut short. */
  async #breakDown(): Promise<void> {
    const kind: DiskFault = this.#random() < 0.5 ? 'crash' : 'EIO';
    const onlySyncs = kind === 'EIO' && this.#random() < 0.6;
    let left = this.#below(12);
    this.#fault = (operation) => {
      const counts = !onlySyncs || operation.kind === 'sync' || operation.kind === 'sync-directory';
      return counts && left-- === 0 ? kind : undefined;
    };
    for (let i = 1 + this.#below(10); i > 0; i--) await this.#step0();
    await this.#settle();
    this.#fault = undefined;
    this.#model.verify(this.#log, false);
    if (this.#random() < 0.3) this.#disk.restart();
    else this.#disk.powerLoss();
    await this.#reopenInTrouble();
  }

  async #reopenInTrouble(): Promise<void> {
    for (let again = this.#below(3); again > 0; again--) {
      const at = this.#disk.operations + this.#below(12);
      const kind: DiskFault = this.#random() < 0.6 ? 'crash' : this.#random() < 0.5 ? 'EIO' : 'ENOSPC';
      this.#fault = (_, number) => (number === at ? kind : undefined);
      await this.#open().then(
        () => this.#model.verify(this.#log, true),
        (error: unknown) => this.#tolerate(error, ['LOG_OPEN_FAILED', 'LOG_DISK_FULL']),
      );
      this.#fault = undefined;
      this.#disk.powerLoss();
    }
    await this.#open();
    this.#model.verify(this.#log, true);
  }

  async #restartCleanly(): Promise<void> {
    if (this.#random() < 0.5) await this.#settle();
    await this.#log.close();
    await this.#settle();
    await this.#open();
    this.#model.verify(this.#log, true);
  }

  async #open(): Promise<void> {
    this.#pins.clear();
    this.#trace('open');
    this.#log = await openLog({
      dataDir: DIR,
      clock: this.#clock,
      disk: this.#disk.session(),
      limits: LIMITS,
      random: () => this.#below(2 ** 32),
    });
  }

  /** After a clean close, a bit of old data flips: whatever is read is right, or is said to be damaged. */
  async #flipBits(): Promise<void> {
    await this.#log.close();
    await this.#settle();
    const paths = this.#disk.paths().filter((path) => !path.endsWith('LOCK'));
    for (let i = 0; i < 6; i++) {
      const disk = this.#disk.copy({ random: this.#random });
      const path = paths[this.#below(paths.length)]!;
      const bytes = disk.content(path).slice();
      if (bytes.length === 0) continue;
      const at = this.#below(bytes.length);
      bytes[at]! ^= 1 << this.#below(8);
      disk.setContent(path, bytes);
      await this.#openDamaged(disk, `bit flip in ${path} at ${at}`);
    }
  }

  async #openDamaged(disk: VirtualDisk, where: string): Promise<void> {
    const warnings: string[] = [];
    const options = { dataDir: DIR, clock: this.#clock, disk, limits: LIMITS };
    let log: Log;
    try {
      log = await openLog({ ...options, onWarning: (warning) => warnings.push(warning) });
    } catch (error) {
      if (['LOG_CORRUPT', 'LOG_VERSION_UNKNOWN'].includes(this.#codeOf(error))) return;
      throw new Error(where, { cause: error });
    }
    const logStarts = this.#model.topics.map((topic) => [...topic.logStarts]);
    try {
      this.#model.verify(log, false);
    } catch (error) {
      const isTold = error instanceof HeadraceError && error.code === 'LOG_CORRUPT';
      if (!isTold && warnings.length === 0) throw new Error(where, { cause: error });
    }
    // A damaged copy may say anything: the next one is compared with what was before.
    for (const [i, topic] of this.#model.topics.entries()) {
      topic.logStarts.splice(0, Number.POSITIVE_INFINITY, ...logStarts[i]!);
    }
    await log.close();
  }
}
