import type { Clock } from '../../base/clock.ts';
import { HeadraceError } from '../../base/error.ts';
import { DEAD_LETTER_TOPIC } from '../../log/dead-letter.ts';
import type { Append, LedgerPut, Log } from '../../log/log.ts';
import type { Pipeline } from '../../plan/node.ts';
import type { CutOver, PipelineStatus } from '../engine.ts';
import { encodeSnapshotPointer, SNAPSHOT_SPACE, type SnapshotPointer } from '../task/journal.ts';
import type { Follow } from '../task/message.ts';
import type { VersionRunner } from '../version-runner.ts';
import { type Difference, letterDifference, upsertDifference } from './difference.ts';
import { type BuildingVersion, modulesLeftOver, type PipelineRecord, putPipelineRecord } from './pipeline-record.ts';
import { statePuts } from './version-state.ts';

export interface BuildOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly record: PipelineRecord;
  readonly building: BuildingVersion;
  /** What is to run after the cut-over. */
  readonly pipeline: Pipeline;
  /** Writes its first snapshot when only a part of it is built: from that, and from the version before. */
  readonly merge: () => Promise<SnapshotPointer>;
  /** The version that runs until the cut-over; it may have failed, or be stopped. */
  readonly before: VersionRunner;
  /** Calls back soon, after what is ready has run. */
  readonly soon: (callback: () => void) => void;
  /** Runs the version that is built. */
  readonly runner: (beside: { readonly follow: () => Follow }) => VersionRunner;
}

/**
 * One version of a pipeline that is built beside the current one: it reads the inputs as far as that one has, writes where nobody
 * reads, and takes its place in one commit of the log.
 */
export class Build {
  readonly building: BuildingVersion;
  readonly runner: VersionRunner;
  readonly #options: BuildOptions;
  #last: Follow['last'];
  #unsubscribe: () => void = () => {};
  #scheduled = false;
  #cancelled = false;
  #giveUp: () => void = () => {};
  /** Rejected when it is. */
  readonly #givenUp: Promise<never>;

  constructor(options: BuildOptions) {
    this.#options = options;
    this.building = options.building;
    this.runner = options.runner({ follow: () => this.#follow() });
    this.#givenUp = new Promise((_, reject) => {
      this.#giveUp = () => reject(givenUp(options.pipeline.name));
    });
    this.#givenUp.catch(() => {});
  }

  #follow(): Follow {
    return { ends: this.#options.before.positions(), ...(this.#last && { last: this.#last }) };
  }

  /** Reads on as the version before does. */
  async start(): Promise<void> {
    if (!isAlive(this.#options.before)) this.#requireWritten();
    this.#unsubscribe = this.#options.log.onCommit(() => this.#pass());
    await this.runner.start();
  }

  /** What was committed meanwhile, told once. */
  #pass(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.soon(() => {
      this.#scheduled = false;
      if (this.#last === undefined) this.runner.follow(this.#follow());
    });
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  status(): PipelineStatus {
    return this.runner.status();
  }

  /** Ends it, whatever it does. What it has built so far stays, and is gone on with or discarded. */
  async stop(): Promise<void> {
    this.#cancelled = true;
    this.#giveUp();
    this.#unsubscribe();
    this.runner.thaw({ live: false });
    await this.runner.stop({ snapshot: true });
    this.#options.before.follow({ ends: [], over: true });
  }

  /**
   * Resolves when it has caught up, taken the place of the version before, and that is durable. When it is rejected nothing has
   * changed, but the version before may have been stopped.
   */
  async cutOver(): Promise<CutOver> {
    const { before } = this.#options;
    // Twice: the second time has only what came in during the first.
    await this.runner.idle();
    await this.runner.idle();
    await this.#concludeBefore();
    const { part } = this.building;
    await before.stop({ snapshot: part !== undefined }).catch(() => {});
    this.#last = before.watermarks();
    await this.runner.reach(this.#follow());
    if (part === undefined) await this.runner.freeze();
    else await this.runner.stop({ snapshot: true });
    this.#unsubscribe();
    if (this.#cancelled) await this.#givenUp;
    const cutOver = await this.#commit();
    if (part === undefined) this.runner.thaw({ live: true });
    return cutOver;
  }

  /** What the version before has read comes out, if it still can. */
  async #concludeBefore(): Promise<void> {
    const { before } = this.#options;
    if (isAlive(before)) {
      try {
        await Promise.race([before.halt(), this.#givenUp]);
        return;
      } catch (error) {
        if (this.#cancelled || isAlive(before)) throw error;
      }
    }
    this.#requireWritten();
  }

  /** @throws HeadraceError when rows that a version which has ended had read would be in no topic: neither it nor this one writes them */
  #requireWritten(): void {
    const { before, pipeline } = this.#options;
    const goingOn = this.building.redirect.flatMap(([topic, shadow]) => (shadow === null ? [topic] : []));
    if (goingOn.length > 0 && before.holdsRows()) throw rowsUnwritten(pipeline.name, goingOn);
  }

  async #commit(): Promise<CutOver> {
    const { log, pipeline, record, building } = this.#options;
    const differences = await this.#differences();
    const { redirect: _, made: _made, begunAtMs: _begun, part, ...current } = building;
    const after: PipelineRecord = { current, next: record.next };
    const appends: Append[] = differences.flatMap(({ difference }) => difference.appends);
    const puts: LedgerPut[] = [
      putPipelineRecord(pipeline.name, after),
      ...statePuts(log, record.current.key),
      ...(part === undefined ? [] : await this.#partPuts(part.key)),
      ...modulesLeftOver(log, new Map([[pipeline.name, after]])),
    ];
    await log.commit({ appends, puts });
    return {
      version: current.version,
      outputs: differences.map(({ topic, difference: { written, deleted } }) => ({ topic, written, deleted })),
    };
  }

  /** The state of the part goes into the first snapshot of the whole. */
  async #partPuts(key: string): Promise<readonly LedgerPut[]> {
    const { log, building, merge } = this.#options;
    const value = encodeSnapshotPointer(await merge());
    return [...statePuts(log, key), { space: SNAPSHOT_SPACE, key: building.key, value }];
  }

  async #differences(): Promise<readonly { readonly topic: string; readonly difference: Difference }[]> {
    const { log, clock, pipeline, building } = this.#options;
    const found: { topic: string; difference: Difference }[] = [];
    for (const [topic, shadow] of building.redirect) {
      if (shadow === null) continue;
      const difference =
        topic === DEAD_LETTER_TOPIC
          ? await letterDifference(log, pipeline.name, shadow, clock.now())
          : await upsertDifference(log, topic, shadow, clock.now());
      found.push({ topic, difference });
    }
    return found;
  }
}

/** Whether it runs, or will. */
function isAlive(runner: VersionRunner): boolean {
  return ['running', 'recovering', 'retrying'].includes(runner.status().state);
}

function rowsUnwritten(name: string, topics: readonly string[]): HeadraceError {
  return new HeadraceError(
    `building a new version of pipeline "${name}": the present one has ended with rows that it had read and not written yet, and ${topics.join(', ')} would go on without them`,
    {
      code: 'ENGINE_ROWS_UNWRITTEN',
      domain: 'engine',
      next: `let it go on first with "headrace pipelines restart ${name}", or give the views of these topics new ones (WITH (topic = '...')), which are made from the start of the inputs`,
    },
  );
}

function givenUp(name: string): HeadraceError {
  return new HeadraceError(`building a new version of pipeline "${name}": it was given up`, {
    code: 'ENGINE_BUILD_GIVEN_UP',
    domain: 'engine',
    next: 'nothing has changed; apply the project again',
  });
}
