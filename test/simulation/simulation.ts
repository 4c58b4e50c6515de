import { HeadraceError } from '../../src/base/error.ts';
import { readCommitHeader, scanCommitFile } from '../../src/log/commit-file.ts';
import type { VirtualDisk } from '../../src/log/virtual-disk.ts';
import { OTHER_PARTITIONS } from './input.ts';
import { Died, Installation } from './installation.ts';

/** Deeds of one seed: what clients, operators and bad luck do. */
const STEPS = 30;
/** Turns between two deeds, at most. */
const TURNS_BETWEEN = 40;
const CLOCK_JUMP_MS_MAX = 3_600_000;

export interface SimulationReport {
  readonly seed: number;
  /** Hash of every decision that was made: a run of the same seed makes the same. */
  readonly trace: string;
  /** How many of each kind happened. */
  readonly faults: ReadonlyMap<string, number>;
  /** Processes that there were. */
  readonly lives: number;
  /** Decisions of the schedule. */
  readonly turns: number;
}

export interface SimulationOptions {
  /** Told of every decision of the schedule, every operation of the disk and every fault. */
  readonly show?: (line: string) => void;
}

/**
 * Weeks of bad luck of one installation, all of it from one seed. Always: no acknowledged event is lost and none processed twice,
 * views hold what their definitions say, nobody sees anything undone, and every error is explained by a fault and says what to do.
 */
export class Simulation {
  readonly #seed: number;
  readonly #installation: Installation;
  #powerLoss: boolean | undefined;

  constructor(seed: number, options: SimulationOptions = {}) {
    this.#seed = seed;
    this.#installation = new Installation(seed, options.show);
  }

  /** @throws Error that says which invariant does not hold */
  async run(): Promise<SimulationReport> {
    const { trace, faults, schedule } = this.#installation;
    await this.#installation.open();
    for (let step = 0; step < STEPS; step++) await this.#step();
    await this.#finish();
    const { lives } = this.#installation;
    return { seed: this.#seed, trace: trace.hash, faults: faults.counts, lives, turns: schedule.turns };
  }

  /** One deed, then some turns in which what it began goes on. A process that dies on the way is started again. */
  async #step(): Promise<void> {
    try {
      await this.#act();
      for (let left = this.#installation.below(TURNS_BETWEEN); left > 0; left--) await this.#installation.turn();
      this.#installation.watchPipelines();
      this.#installation.watchSinks();
      this.#look();
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      await this.#reboot();
    }
    this.#installation.excuses.throwMistake();
  }

  async #reboot(): Promise<void> {
    const powerLoss = this.#powerLoss ?? this.#installation.random() < 0.5;
    this.#powerLoss = undefined;
    await this.#installation.reboot(powerLoss);
  }

  async #act(): Promise<void> {
    const installation = this.#installation;
    const choice = installation.random();
    if (choice < 0.2) this.#send();
    else if (choice < 0.38) this.#post();
    else if (choice < 0.46) this.#produce();
    else if (choice < 0.52) installation.clock.advance(installation.below(3_000));
    else if (choice < 0.56) this.#retain();
    else if (choice < 0.61) this.#stopOne();
    else if (choice < 0.69) this.#changeOne();
    else if (choice < 0.73) await this.#check();
    else if (choice < 0.76) await this.#restart();
    else this.#harm();
    // Somebody sees that nothing is written any more, and restarts the process.
    if (installation.clients.isLogDead && installation.random() < 0.4) throw new Died();
  }

  /** One commit of one or two batches. */
  #send(): void {
    const { random, partitions, life, clients, generator } = this.#installation;
    const parts = Array.from({ length: 1 + this.#installation.below(2) }, () => {
      const topic = random() < 0.7 ? 'events' : 'others';
      const partition = this.#installation.below(topic === 'events' ? partitions : OTHER_PARTITIONS);
      return { topic, partition, values: generator.batch(topic, partition) };
    });
    clients.send(life.log, parts);
  }

  /** Bodies come through the door. */
  #post(): void {
    const { life, bodies } = this.#installation;
    const choice = this.#installation.random();
    if (choice < 0.6) bodies.sendSmall(life.ingest);
    else if (choice < 0.85) bodies.sendLines(life.ingest);
    else bodies.repeat(life.ingest);
  }

  #produce(): void {
    const { life, clients, generator } = this.#installation;
    const which = this.#installation.below(2);
    const [topic, partition] = which === 0 ? (['events', 0] as const) : (['others', 1] as const);
    clients.produce(life.log, which, () => generator.batch(topic, partition));
  }

  #retain(): void {
    const installation = this.#installation;
    installation.life.log
      .applyRetention()
      .catch((error: unknown) => installation.requireExplained('applying retention', error));
  }

  #somePipeline(): string {
    const { pipelines } = this.#installation;
    return pipelines[this.#installation.below(pipelines.length)]!.name;
  }

  /** Somebody edits a pipeline, or holds it up. */
  #changeOne(): void {
    if (this.#installation.random() < 0.75) this.#installation.changePipeline(this.#somePipeline());
    else this.#installation.holdPipeline(this.#somePipeline());
  }

  #stopOne(): void {
    const name = this.#somePipeline();
    this.#installation.stopPipeline(name, this.#installation.random() < 0.5);
  }

  /** When nothing is wrong, every view holds what it should at once. */
  async #check(): Promise<void> {
    const { tail, clients, life } = this.#installation;
    if (!this.#installation.isSound) return;
    await this.#installation.until('answering the clients', clients.answered());
    await this.#installation.drain(false);
    await this.#installation.drainSinks();
    tail.read(life.log);
    clients.verify(tail);
    this.#installation.verifyViews(false);
    this.#installation.verifySinks();
  }

  async #restart(): Promise<void> {
    if (this.#installation.isSound) await this.#installation.restart();
  }

  /** The subscribers look now and then. */
  #look(): void {
    const { random, tail, life } = this.#installation;
    if (random() < 0.7) return;
    try {
      tail.read(life.log);
    } catch (error) {
      if (!(error instanceof HeadraceError)) throw error;
      this.#installation.requireExplained('subscribing', error);
    }
  }

  #harm(): void {
    const { faults, excuses } = this.#installation;
    const choice = this.#installation.below(18);
    if (choice < 2) this.#die(choice === 0);
    else if (choice < 5) faults.armCrash(60);
    else if (choice === 5) faults.armShortWrites();
    else if (choice < 8) {
      excuses.add('write');
      faults.armWriteFailure();
    } else if (choice === 8 || choice > 15) {
      excuses.add('read');
      faults.armReadFailure();
    } else if (choice === 9) faults.armFullSnapshots();
    else if (choice < 12) this.#fill();
    else if (choice === 12) this.#flip();
    else if (choice < 15) this.#jump();
    else this.#slow();
  }

  #die(powerLoss: boolean): never {
    this.#installation.faults.count(powerLoss ? 'power loss' : 'process crash');
    this.#powerLoss = powerLoss;
    throw new Died();
  }

  /** The disk fills up, or has room again. */
  #fill(): void {
    const { disk, faults, excuses } = this.#installation;
    if (disk.capacity === Number.POSITIVE_INFINITY) {
      faults.count('disk full');
      excuses.add('full');
      disk.capacity = disk.usedBytes() + this.#installation.below(6_000);
    } else disk.capacity = Number.POSITIVE_INFINITY;
  }

  #jump(): void {
    this.#installation.faults.count('clock jump');
    this.#installation.clock.jump(this.#installation.below(2 * CLOCK_JUMP_MS_MAX) - CLOCK_JUMP_MS_MAX);
  }

  #slow(): void {
    const parts = ['task', 'disk', 'out', 'in', 'log', 'behind', 'snapshots', 'rounds'];
    this.#installation.faults.count('slow lane');
    this.#installation.schedule.slow(parts[this.#installation.below(parts.length)]);
  }

  /** A bit of what is at rest: a sealed segment, an index, a snapshot, a checkpoint, a commit log that is over. */
  #flip(): void {
    const { disk, faults, excuses, trace } = this.#installation;
    const paths = disk.paths().filter((path) => this.#isAtRest(path));
    if (paths.length === 0) return;
    const path = paths[this.#installation.below(paths.length)]!;
    const position = this.#installation.below(disk.lengthOf(path));
    if (!disk.flip(path, position, this.#installation.below(8))) return;
    trace.add(`flip ${path} ${position}`);
    faults.count('bit flip');
    excuses.add('flip');
  }

  #isAtRest(path: string): boolean {
    if (['.snapshot', '.index', '.checkpoint'].some((suffix) => path.endsWith(suffix))) return true;
    if (!path.endsWith('.log')) return false;
    const directory = path.slice(0, path.lastIndexOf('/') + 1);
    const { disk } = this.#installation;
    const newer = disk.paths().filter((other) => other.startsWith(directory) && other.endsWith('.log') && other > path);
    // Damage to the last round cannot be told from a torn one, also where the next commit log was made already.
    if (path.includes('/commit/')) return newer.some((other) => disk.isSynced(other) && holdsRounds(disk, other));
    return newer.length > 0;
  }

  /** All is well in the end: everything is read, every window closes, and each view holds what its definition says. */
  async #finish(): Promise<void> {
    const installation = this.#installation;
    const { tail, clients, excuses, random } = installation;
    const wasSound = installation.isSound;
    installation.repair();
    if (!wasSound || random() < 0.5) await this.#reboot();
    excuses.clear();
    await installation.until('answering the clients', clients.answered());
    for (const which of clients.open) clients.produce(installation.life.log, which, () => []);
    await installation.until('answering the clients', clients.answered());
    excuses.throwMistake();
    if (clients.open.length > 0) throw new Error('an idempotent producer does not get through');
    await installation.drain(true);
    await installation.drainSinks();
    excuses.throwMistake();
    tail.verify(installation.life.log);
    clients.verify(tail);
    installation.verifyViews(true);
    installation.verifySinks();
    await installation.until('stopping', installation.life.stop());
    excuses.throwMistake();
  }
}

function holdsRounds(disk: VirtualDisk, path: string): boolean {
  const bytes = disk.peek(path);
  return scanCommitFile(bytes, readCommitHeader(bytes, 'log', path), path).records.length > 0;
}
