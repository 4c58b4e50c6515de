import { HeadraceError } from '../../src/base/error.ts';
import type { PipelineBuild, RunningPipeline } from '../../src/engine/engine.ts';
import { seededRandom, WORLD_START } from '../../src/engine/engine-world.fixture.ts';
import { KernelFramer } from '../../src/ingest/kernel-framer.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import type { LogLimits } from '../../src/log/limits.ts';
import type { TopicConfig } from '../../src/log/log.ts';
import { VirtualDisk } from '../../src/log/virtual-disk.ts';
import { stateHash } from '../../src/plan/pipeline-text.ts';
import { Bodies } from './bodies.ts';
import { Clients } from './clients.ts';
import { Excuses } from './excuses.ts';
import { FaultPlan } from './fault-plan.ts';
import { EVENT_PARTITIONS_MAX, EventGenerator, OTHER_PARTITIONS } from './input.ts';
import { Life } from './life.ts';
import { verifyOutputs } from './outcome.ts';
import { Outside } from './outside.ts';
import { choosePipelines, type PipelineVersion, versionsOf } from './pipelines.ts';
import { Schedule, settled, Trace } from './schedule.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { Tail } from './tail.ts';
import type { SimulatedPipeline } from './view.ts';

/** Turns in which what is waited for must come about. */
const TURNS_MAX = 60_000;
/** Turns of the event loop in which something that is not scheduled comes to its end. */
const SETTLED_MAX = 8;
/** Starts that a fault may spoil, before what keeps the process from starting is repaired. */
const SPOILED_STARTS_MAX = 3;
const INGEST_MEMORY_BYTES_MAX = 2 ** 24;
/** Operations of a start within which it may be cut short. */
const START_OPERATIONS = 25;

/** Small, so that a short run rolls segments, goes both ways (inline or not) and replaces its commit log often. */
const LIMITS: Partial<LogLimits> = {
  roundBytesMax: 16_000,
  inlineBytesMax: 600,
  roundInlineBytesMax: 2_000,
  commitLogBytesMax: 12_000,
  commitSpaceBytes: 2_048,
  commitReserveBytes: 1_024,
  extendBytes: 4_096,
  indexIntervalBytes: 400,
  partitionsMax: 1_024,
};

/** Whoever changes a pipeline may come at the wrong moment: another change is under way, or it does not run. */
const UNTIMELY: readonly string[] = [
  'ENGINE_PIPELINE_BUSY',
  'ENGINE_PIPELINE_RUNNING',
  'ENGINE_PIPELINE_UNKNOWN',
  'ENGINE_STOPPED',
  'ENGINE_BUILD_GIVEN_UP',
  'ENGINE_ROWS_UNWRITTEN',
  // The disk had no room for the last snapshot of the version before, or it was not running.
  'ENGINE_STATE_NOT_CARRIED',
  // The topics of another pipeline are not there yet.
  'ENGINE_UNKNOWN_TOPIC',
];

const nothing = (): void => {};
const isTrue = (): boolean => true;
const isFalse = (): boolean => false;

/** The process died of a fault in the middle of something. */
export class Died extends Error {}

/** A data directory, the processes that own it one after another, and those outside who remember what they were told. */
export class Installation {
  readonly random: () => number;
  readonly trace: Trace;
  readonly schedule: Schedule;
  readonly clock: SimulatedClock;
  readonly disk: VirtualDisk;
  readonly faults: FaultPlan;
  readonly excuses = new Excuses();
  readonly tail = new Tail();
  readonly clients: Clients;
  readonly generator: EventGenerator;
  readonly bodies: Bodies;
  readonly partitions: number;
  readonly pipelines: readonly SimulatedPipeline[];
  /** Other systems that topics are written to. */
  readonly #outsides: readonly Outside[];
  readonly #versions = new Map<string, readonly PipelineVersion[]>();
  readonly #rebuilt = new Set<string>();
  readonly #retention: boolean;
  readonly #snapshotIntervalMs: number;
  readonly #workers: number;
  readonly #framer = new KernelFramer(Kernel.create({ memoryBytesMax: INGEST_MEMORY_BYTES_MAX }));
  /** Pipelines whose start is under way. */
  readonly #starting = new Set<string>();
  #life: Life | undefined;
  #lives = 0;

  constructor(seed: number, show: ((line: string) => void) | undefined) {
    this.random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995);
    this.trace = new Trace(show);
    this.schedule = new Schedule(this.random, this.trace);
    this.clock = new SimulatedClock(WORLD_START, (callback) =>
      this.schedule.post(`${Life.laneOf(this.#lives)}timer`, callback),
    );
    this.faults = new FaultPlan((count) => this.below(count), this.trace);
    this.disk = new VirtualDisk({
      random: this.random,
      fault: (operation) => this.faults.faultOf(operation),
      readFault: (path) => this.faults.readFaultOf(path),
      pace: (lane) => this.schedule.turnOf(`${Life.laneOf(this.#lives)}disk ${lane}`),
    });
    this.partitions = 1 + this.below(EVENT_PARTITIONS_MAX);
    const places = [
      { topic: 'events', partition: 0 },
      { topic: 'others', partition: 1 },
    ];
    this.clients = new Clients(this.clock, places, (error) => this.requireExplained('writing', error));
    this.generator = new EventGenerator(this.random);
    this.bodies = new Bodies(this.clients, this.generator, (count) => this.below(count));
    this.pipelines = choosePipelines((count) => this.below(count));
    this.#retention = this.random() < 0.4;
    this.#outsides = this.#chooseOutsides();
    this.#workers = [1, 1, 2, 3][this.below(4)]!;
    this.#snapshotIntervalMs = [0, 20, 1_000, Number.MAX_SAFE_INTEGER][this.below(4)]!;
  }

  /** Where retention is at work, what came before a sink first began is not there any more. */
  #chooseOutsides(): Outside[] {
    if (this.random() < 0.5) return [];
    const keepsPosition = this.random() < 0.5;
    const others = new Outside('others', OTHER_PARTITIONS, keepsPosition);
    return this.#retention ? [others] : [others, new Outside('events', this.partitions, !keepsPosition)];
  }

  below(count: number): number {
    return Math.floor(this.random() * count);
  }

  get life(): Life {
    return this.#life!;
  }

  get lives(): number {
    return this.#lives;
  }

  async open(): Promise<void> {
    for (const pipeline of this.pipelines) this.#versions.set(pipeline.name, await versionsOf(pipeline));
    await this.#boot();
  }

  /** A dead process has nothing to explain. */
  requireExplained(what: string, error: unknown): void {
    if (!this.disk.crashed) this.excuses.require(what, error);
  }

  /** Something is ready, and runs. @throws Died */
  async turn(): Promise<void> {
    if (this.random() < 0.1) this.clock.advance(this.below(4));
    await this.schedule.turn();
    if (this.disk.crashed) throw new Died();
  }

  /** Lets everything go on until the promise is settled. @throws Died */
  async until<T>(what: string, promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    for (let turns = 0; turns < TURNS_MAX; turns++) {
      await this.#turnOrWait(what, () => isSettled);
      if (isSettled) return promise;
    }
    throw new Error(`${what}: it does not come about`);
  }

  async #turnOrWait(what: string, isDone: () => boolean): Promise<void> {
    // What gives way a few times by itself goes on.
    for (let tries = 0; tries < SETTLED_MAX; tries++) {
      const ran = await this.schedule.turn();
      if (this.disk.crashed) throw new Died();
      if (ran || isDone()) return;
    }
    const nextMs = this.clock.nextMs();
    if (nextMs === undefined) throw new Error(`${what}: nothing is ready, and no timer runs`);
    this.clock.advance(nextMs);
  }

  /** Nothing is wrong, and nothing was since the process started. */
  get isSound(): boolean {
    return !this.faults.active && this.disk.damaged === 0 && !this.clients.isLogDead && this.excuses.isEmpty;
  }

  running(name: string): RunningPipeline | undefined {
    if (this.#starting.has(name)) return undefined;
    return this.life.engine.pipelines().find(({ pipeline }) => pipeline.name === name);
  }

  stopPipeline(name: string, snapshot: boolean): void {
    const running = this.running(name);
    if (running === undefined || this.#buildOf(name) !== undefined) return;
    this.trace.add(`stop ${name} ${snapshot}`);
    const { life } = this;
    running.stop({ snapshot }).catch((error: unknown) => this.#requireHarmless(life, `stopping ${name}`, error));
  }

  #buildOf(name: string): PipelineBuild | undefined {
    return this.life.engine.builds().find(({ pipeline }) => pipeline.name === name);
  }

  /** Gives a pipeline its other definition, or the same once more; not waited for. */
  changePipeline(name: string): void {
    if (this.#retention) return;
    const versions = this.#versions.get(name)!;
    const version = versions[this.below(versions.length)]!;
    const anew = this.random() < 0.4;
    this.trace.add(`build ${name}${anew ? ' anew' : ''}`);
    const { life } = this;
    life.engine.build(version.plan, { anew }).then(
      ({ done }) => {
        done.then(
          () => this.faults.count('version cut over'),
          (error: unknown) => this.#requireHarmless(life, `building ${name}`, error),
        );
      },
      (error: unknown) => this.#requireHarmless(life, `building ${name}`, error),
    );
  }

  /** Holds a pipeline up, gives up what is built of it, or lets it go on; not waited for. */
  holdPipeline(name: string): void {
    const { life } = this;
    const { engine } = life;
    const isPaused = this.running(name)?.status().state === 'paused';
    const choice = this.random();
    const [what, done] = isPaused
      ? ['resume', engine.resume(name)]
      : choice < 0.6
        ? ['pause', engine.pause(name)]
        : ['abandon', engine.abandon(name)];
    this.trace.add(`${what} ${name}`);
    done.catch((error: unknown) => this.#requireHarmless(life, `${what} of ${name}`, error));
  }

  /** One that changes a pipeline may come at the wrong moment. */
  #requireHarmless(life: Life, what: string, error: unknown): void {
    if (this.#life !== life) return;
    const isHarmless = error instanceof HeadraceError && UNTIMELY.includes(error.code);
    if (!isHarmless) this.requireExplained(what, error);
  }

  /** Starts, now and then, what does not run. */
  watchPipelines(): void {
    for (const pipeline of this.pipelines) {
      if (this.#starting.has(pipeline.name)) continue;
      const status = this.running(pipeline.name)?.status();
      if (status?.state === 'failed') this.#requireHarmless(this.life, `running ${pipeline.name}`, status.error);
      const isDown = status === undefined || status.state === 'failed' || status.state === 'stopped';
      if (isDown && this.random() < 0.3) void this.#start(this.life, pipeline);
    }
  }

  /** Begins again, now and then, to write to systems where that has failed. */
  watchSinks(): void {
    for (const outside of this.#outsides) if (this.random() < 0.3) this.#reviveSink(outside);
  }

  #reviveSink(outside: Outside): void {
    const status = this.life.sink(outside)?.status();
    if (status !== undefined && status.state !== 'failed') return;
    if (status !== undefined) this.requireExplained(`writing ${outside.name}`, status.error);
    this.life.connect(outside, this.random);
  }

  /** Everything has come to the other systems. */
  async drainSinks(): Promise<void> {
    for (const outside of this.#outsides) {
      for (let isDrained = false; !isDrained; this.excuses.throwMistake()) {
        this.#reviveSink(outside);
        const drained = this.life.sink(outside)!.drained();
        isDrained = await this.until(`draining ${outside.name}`, drained.then(isTrue, isFalse));
      }
    }
  }

  verifySinks(): void {
    for (const outside of this.#outsides) outside.verify(this.tail);
  }

  /** Which of its definitions counts. */
  #versionOf({ name }: SimulatedPipeline): PipelineVersion {
    const versions = this.#versions.get(name)!;
    const stored = this.life.engine.stored().find((one) => one.name === name);
    if (stored === undefined) return versions[0]!;
    return versions.find(({ hash }) => hash === stateHash(stored.plan))!;
  }

  async #start(life: Life, pipeline: SimulatedPipeline): Promise<void> {
    const { name } = pipeline;
    const rebuild = this.random() < 0.05 && this.#mayRebuild(pipeline);
    if (rebuild) this.#rebuilt.add(name);
    this.#starting.add(name);
    this.trace.add(`start ${name}${rebuild ? ' anew' : ''}`);
    try {
      await life.start(this.#versionOf(pipeline).plan, { rebuild });
      if (this.#life === life) this.#starting.delete(name);
    } catch (error) {
      if (this.#life !== life) return;
      this.#starting.delete(name);
      this.#requireHarmless(this.life, `starting ${name}`, error);
    }
  }

  /** Where the rows of an append topic would come a second time, or inputs are gone, it may not. */
  #mayRebuild({ views }: SimulatedPipeline): boolean {
    return !this.#retention && views.every(({ appends }) => !appends);
  }

  /** Every pipeline runs, and has read its inputs to their end. */
  async drain(closeWindows: boolean): Promise<void> {
    for (const pipeline of this.pipelines) {
      while (!(await this.#drained(pipeline, closeWindows))) this.excuses.throwMistake();
    }
  }

  async #drained(pipeline: SimulatedPipeline, closeWindows: boolean): Promise<boolean> {
    const { name } = pipeline;
    if (this.#starting.has(name)) {
      await this.#turnOrWait(`starting ${name}`, () => !this.#starting.has(name));
      return false;
    }
    const build = this.#buildOf(name);
    if (build !== undefined) {
      await this.until(`building ${name}`, build.done.then(nothing, nothing));
      return false;
    }
    const known = this.running(name);
    const state = known?.status().state;
    if (state === 'paused') {
      const resumed = this.life.engine.resume(name);
      await this.until(
        `resuming ${name}`,
        resumed.catch((error) => this.#requireHarmless(this.life, `resuming ${name}`, error)),
      );
      return false;
    }
    if (known === undefined || state === 'stopped' || state === 'failed') {
      if (state === 'failed') this.#requireHarmless(this.life, `running ${name}`, known!.status().error);
      await this.until(`starting ${name}`, this.#start(this.life, pipeline));
      return false;
    }
    const idle = known.idle({ closeWindows }).then(
      () => true,
      (error: unknown) => {
        // One that was being stopped is started again.
        const wasStopped = error instanceof HeadraceError && error.code === 'ENGINE_STOPPED';
        if (!wasStopped) this.requireExplained(`draining ${name}`, error);
        return false;
      },
    );
    return this.until(`draining ${name}`, idle);
  }

  /** Compares all views with their definitions. @param closed every window was closed */
  verifyViews(closed: boolean): void {
    const { tail, partitions } = this;
    const pipelines = this.pipelines.map((one) => ({ ...one, views: this.#versionOf(one).views }));
    verifyOutputs({ pipelines, tail, partitions, closed, rebuilt: this.#rebuilt });
  }

  /** A clean stop and a new start. */
  async restart(): Promise<void> {
    this.trace.add('clean restart');
    await this.until('stopping', this.life.stop());
    this.#endLife();
    this.disk.restart();
    await this.#boot();
  }

  /** The process has died, perhaps with the machine, and is started again. */
  async reboot(powerLoss: boolean): Promise<void> {
    // What was answered before the end was answered.
    await settled();
    this.#endLife();
    this.#losePower(powerLoss);
    await this.#boot();
  }

  /** Damage and loss at once cannot be told from one another at the end of a log. */
  #losePower(powerLoss: boolean): void {
    const loses = powerLoss && this.disk.damaged === 0;
    this.trace.add(loses ? 'power loss' : 'process crash');
    if (loses) this.disk.powerLoss();
    else this.disk.restart();
  }

  #endLife(): void {
    this.clients.disconnect();
    this.bodies.disconnect();
    this.schedule.drop(Life.laneOf(this.#lives));
    this.clock.dropTimers();
    this.#life = undefined;
    this.#starting.clear();
  }

  /** Starts a process, again and again if need be; what keeps it from starting is repaired in the end. */
  async #boot(): Promise<void> {
    const isWell = !this.faults.active && this.disk.damaged === 0;
    if (isWell && this.disk.capacity === Number.POSITIVE_INFINITY) this.excuses.clear();
    for (let attempt = 0; ; attempt++) {
      if (attempt >= SPOILED_STARTS_MAX) this.repair();
      else if (attempt > 0 && this.random() < 0.3) this.faults.armCrash(START_OPERATIONS);
      try {
        await this.#bootOnce();
        return;
      } catch (error) {
        if (!(error instanceof Died)) this.requireExplained('starting the process', error);
        this.excuses.throwMistake();
        this.#endLife();
        this.#losePower(error instanceof Died && this.random() < 0.5);
      }
    }
  }

  async #bootOnce(): Promise<void> {
    this.#lives++;
    const life = await this.until(
      'opening the log',
      Life.open({
        number: this.#lives,
        disk: this.disk,
        clock: this.clock,
        schedule: this.schedule,
        random: this.random,
        limits: LIMITS,
        snapshotIntervalMs: this.#snapshotIntervalMs,
        workers: this.#workers,
        framer: this.#framer,
      }),
    );
    this.#life = life;
    for (const topic of [this.#topic('events', this.partitions), this.#topic('others', OTHER_PARTITIONS)]) {
      if (life.log.topic(topic.name) !== undefined) continue;
      await this.until(`creating ${topic.name}`, life.log.createTopic(topic));
    }
    this.tail.pin(life.log);
    this.#verifyAfterStart(life);
    for (const pipeline of this.pipelines) void this.#start(life, pipeline);
    for (const outside of this.#outsides) life.connect(outside, this.random);
  }

  /** What was seen is there, and what was acknowledged; unless it is said to be damaged. */
  #verifyAfterStart({ log, warnings }: Life): void {
    try {
      this.tail.verify(log);
      this.clients.verify(this.tail);
    } catch (error) {
      if (error instanceof HeadraceError || this.disk.damaged === 0 || warnings.length === 0) throw error;
      throw new HeadraceError(`verifying a damaged log: ${String(error)}; ${warnings.join()}`, {
        code: 'LOG_CORRUPT',
        domain: 'log',
        cause: error,
      });
    }
  }

  #topic(name: string, partitions: number): TopicConfig {
    return {
      name,
      partitions,
      kind: 'append',
      retentionMs: undefined,
      retentionBytes: this.#retention && name === 'events' ? 3_000 : undefined,
      segmentBytesMax: 1_500 + this.below(4_000),
      keyPath: undefined,
      properties: {},
    };
  }

  /** The disk is sound again, and what was damaged is restored from a copy. */
  repair(): void {
    this.faults.clear();
    this.disk.heal();
    this.disk.capacity = Number.POSITIVE_INFINITY;
    this.schedule.slow(undefined);
  }
}
