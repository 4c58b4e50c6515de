import type { Clock } from '../../base/clock.ts';
import { HeadraceError } from '../../base/error.ts';
import type { LedgerPut, Log } from '../../log/log.ts';
import { nodesBelow } from '../../plan/comparison/node-signature.ts';
import type { Pipeline } from '../../plan/node.ts';
import { stateHash } from '../../plan/pipeline-text.ts';
import type { StoredPipeline } from '../engine.ts';
import { deleteExchangeTopics } from '../exchange/exchange-topics.ts';
import {
  decodeSnapshotPointer,
  encodeSnapshotPointer,
  JOURNAL_SPACE,
  journalOf,
  SNAPSHOT_SPACE,
  type SnapshotPointer,
} from '../task/journal.ts';
import { deletionsOf } from '../task/output-rebuild.ts';
import { unpinState } from '../task/recovery-pins.ts';
import type { SnapshotStore } from '../task/snapshot-store.ts';
import { planBuildTopics, shadowsLeftOver, shadowTopic } from './build-topics.ts';
import {
  type BuildingVersion,
  modulesLeftOver,
  type PipelineRecord,
  pipelineOf,
  planOf,
  putModules,
  putPipelineRecord,
  readPipelineRecord,
  type StoredVersion,
  storedPipelineNames,
  storedPlan,
  type TopicOffset,
} from './pipeline-record.ts';
import { statePuts } from './version-state.ts';

/** How a version is built beside the present one. */
export interface BuildBeginning {
  readonly workers: number;
  readonly from: readonly TopicOffset[] | undefined;
  /** Those that are built; undefined for all. */
  readonly views: readonly string[] | undefined;
}

/** What the log keeps of the versions of pipelines, and the changes of it. Each change is one commit. */
export class PipelineVersions {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #snapshots: SnapshotStore;

  constructor(log: Log, clock: Clock, snapshots: SnapshotStore) {
    this.#log = log;
    this.#clock = clock;
    this.#snapshots = snapshots;
  }

  record(name: string): PipelineRecord | undefined {
    return readPipelineRecord(this.#log, name);
  }

  all(): readonly StoredPipeline[] {
    return storedPipelines(this.#log);
  }

  async #put(name: string, record: PipelineRecord | undefined, more: readonly LedgerPut[] = []): Promise<void> {
    const left = modulesLeftOver(this.#log, new Map([[name, record]]));
    await this.#log.commit({ appends: [], puts: [putPipelineRecord(name, record), ...left, ...more] });
  }

  /**
   * What is kept of a pipeline that is to go on, or to begin. It goes on with the number of workers that it began with.
   * @throws HeadraceError `ENGINE_MUST_REBUILD` when the state is that of another plan
   */
  async settle(pipeline: Pipeline, workers: number, from?: readonly TopicOffset[]): Promise<PipelineRecord> {
    const { name } = pipeline;
    const known = this.record(name);
    if (known === undefined) {
      const hasState = this.#requireOwnState(pipeline);
      const current = {
        version: 1,
        key: name,
        plan: storedPlan(pipeline),
        ...(!hasState && severalOf(workers)),
        ...(from && { from }),
      };
      const record = { current, next: 2 };
      await this.#put(name, record, putModules(pipeline));
      return record;
    }
    if (stateHash(planOf(known.current)) !== stateHash(pipeline)) throw mustRebuild(name);
    await this.sweep(name);
    const plan = storedPlan(pipeline);
    if (plan === known.current.plan) return known;
    const record = { ...known, current: { ...known.current, plan } };
    await this.#put(name, record, putModules(pipeline));
    return record;
  }

  /** State that was made before plans were stored says its plan's hash. Returns whether there is any. */
  #requireOwnState(pipeline: Pipeline): boolean {
    const { name } = pipeline;
    const pointer = this.#log.ledgerGet(SNAPSHOT_SPACE, name);
    const snapshot = pointer === undefined ? undefined : decodeSnapshotPointer(pointer);
    const journal = journalOf(this.#log.ledgerEntries(JOURNAL_SPACE), name, snapshot?.epoch ?? 0);
    const versions = snapshot?.versions ?? journal[0]?.versions;
    if (versions !== undefined && versions.plan !== stateHash(pipeline)) throw mustRebuild(name);
    return versions !== undefined;
  }

  /** Forgets the state, and takes back what the former version left in upsert topics, in one commit. */
  async discard(pipeline: Pipeline, workers: number): Promise<void> {
    const { name } = pipeline;
    await this.abandon(name);
    const known = this.record(name);
    const key = known?.current.key ?? name;
    const version = known?.next ?? 1;
    const current = { version, key: keyOf(name, version), plan: storedPlan(pipeline), ...severalOf(workers) };
    const record = { current, next: version + 1 };
    const upserts = pipeline.outputs.filter((output) => output.mode === 'upsert');
    await this.#log.commit({
      appends: upserts.flatMap((output) => deletionsOf(this.#log, output.topic, this.#clock.now())),
      puts: [
        putPipelineRecord(name, record),
        ...statePuts(this.#log, key),
        ...putModules(pipeline),
        ...modulesLeftOver(this.#log, new Map([[name, record]])),
      ],
    });
    await this.#forget(name, known?.current.version ?? version, key);
  }

  /** Goes on with a version that is being built, or begins with one; topics that nobody reads are made for what it writes. */
  async begin(
    pipeline: Pipeline,
    start: BuildBeginning,
  ): Promise<{ readonly record: PipelineRecord; readonly building: BuildingVersion }> {
    const { name } = pipeline;
    const { workers, from, views } = start;
    const known = this.record(name)!;
    if (known.building !== undefined) {
      if (this.#goesOn(known.building, pipeline, start)) return { record: known, building: known.building };
      await this.abandon(name);
    }
    const version = known.next;
    const key = keyOf(name, version);
    const topics = planBuildTopics(this.#log, key, onlyViews(pipeline, views), planOf(known.current));
    const building: BuildingVersion = {
      version,
      key,
      plan: storedPlan(pipeline),
      ...severalOf(workers),
      ...(from && { from }),
      ...(views && { part: { views, key: `${key}+` } }),
      ...topics,
      begunAtMs: this.#clock.now(),
    };
    for (const [topic, shadow] of topics.redirect) {
      if (shadow === null || this.#log.topic(shadow) !== undefined) continue;
      await this.#log.createTopic(shadowTopic(this.#log, name, topic, shadow));
    }
    const { current, paused } = known;
    const record: PipelineRecord = { current, building, ...(paused && { paused }), next: version + 1 };
    await this.#put(name, record, putModules(pipeline));
    return { record, building };
  }

  /** Whether it is the same one, and nothing of it is missing. */
  #goesOn(building: BuildingVersion, pipeline: Pipeline, { workers, from, views }: BuildBeginning): boolean {
    if ((building.workers ?? 1) !== workers) return false;
    if (building.part?.views.join() !== views?.join()) return false;
    if (building.plan !== storedPlan(pipeline)) return false;
    if (from !== undefined && JSON.stringify(building.from) !== JSON.stringify(from)) return false;
    return building.redirect.every(([, shadow]) => shadow === null || this.#log.topic(shadow) !== undefined);
  }

  /** Discards what is being built: first what it wrote, so that a crash in between leaves somebody who knows of it. */
  async abandon(name: string): Promise<void> {
    const known = this.record(name);
    if (known?.building === undefined) return;
    const { building, ...rest } = known;
    for (const topic of [...building.redirect.map(([, shadow]) => shadow), ...building.made]) {
      if (topic !== null && this.#log.topic(topic) !== undefined) await this.#log.deleteTopic(topic);
    }
    const key = building.part?.key ?? building.key;
    await this.#put(name, rest, statePuts(this.#log, key));
    await this.#forget(name, building.version, key);
  }

  /** Another version takes the place of the present one, with a first snapshot of its own. */
  async carry(pipeline: Pipeline, pointerOf: (key: string) => Promise<SnapshotPointer>): Promise<PipelineRecord> {
    const { name } = pipeline;
    const known = this.record(name)!;
    const key = keyOf(name, known.next);
    const pointer = await pointerOf(key);
    const current: StoredVersion = { version: known.next, key, plan: storedPlan(pipeline) };
    const record: PipelineRecord = { current, next: known.next + 1 };
    const snapshot = { space: SNAPSHOT_SPACE, key, value: encodeSnapshotPointer(pointer) };
    await this.#put(name, record, [...putModules(pipeline), snapshot, ...statePuts(this.#log, known.current.key)]);
    return record;
  }

  async setPaused(name: string, paused: PipelineRecord['paused']): Promise<void> {
    const { paused: _, ...known } = this.record(name)!;
    await this.#put(name, { ...known, ...(paused && { paused }) });
  }

  /** Forgets a pipeline; with `topics`, what it has written too. */
  async drop(name: string, topics: boolean): Promise<void> {
    await this.abandon(name);
    const known = this.record(name);
    if (known === undefined) return;
    if (topics) {
      for (const { topic } of planOf(known.current).outputs) {
        if (this.#log.topic(topic) !== undefined) await this.#log.deleteTopic(topic);
      }
    }
    await this.#put(name, undefined, statePuts(this.#log, known.current.key));
    await this.#forget(name, known.current.version, known.current.key);
  }

  /** What a version that is gone has beside its record: the snapshots of all its tasks, what was kept for them, and what went between them. */
  async #forget(name: string, version: number, key: string): Promise<void> {
    unpinState(this.#log, key);
    await this.#snapshots.forget(key);
    await deleteExchangeTopics(this.#log, name, version);
  }

  /** Removes what versions that are gone have left: their snapshots, and the topics that nobody was to read. */
  async sweep(name: string): Promise<void> {
    const { current, building, next } = this.record(name)!;
    for (const shadow of shadowsLeftOver(this.#log, name, building?.redirect.map(([, topic]) => topic) ?? [])) {
      await this.#log.deleteTopic(shadow);
    }
    for (let version = Math.max(1, next - SWEPT_VERSIONS); version < next; version++) {
      const key = keyOf(name, version);
      if (`${key}+` !== building?.part?.key) await this.#snapshots.forget(`${key}+`);
      if (key === current.key || key === building?.key) continue;
      await this.#forget(name, version, key);
    }
  }
}

/** The pipeline with some of its views alone, and what they read. */
export function onlyViews(pipeline: Pipeline, views: readonly string[] | undefined): Pipeline {
  if (views === undefined) return pipeline;
  const outputs = pipeline.outputs.filter(({ name }) => views.includes(name));
  const read = new Set(outputs.flatMap(({ input }) => nodesBelow(input)));
  return { ...pipeline, outputs, sources: pipeline.sources.filter((source) => read.has(source)) };
}

/** What a log keeps of pipelines, by name. */
export function storedPipelines(log: Log): readonly StoredPipeline[] {
  return storedPipelineNames(log).map((name) => {
    const { current, building, paused } = readPipelineRecord(log, name)!;
    return {
      name,
      version: current.version,
      workers: current.workers ?? 1,
      plan: planOf(current),
      pipeline: () => pipelineOf(log, current),
      paused,
      building: building && {
        version: building.version,
        plan: planOf(building),
        begunAtMs: building.begunAtMs,
      },
    };
  });
}

/** Versions back from the last one whose snapshots may be left over by a crash. */
const SWEPT_VERSIONS = 4;

function severalOf(workers: number): { readonly workers?: number } {
  return workers > 1 ? { workers } : {};
}

function keyOf(name: string, version: number): string {
  return version === 1 ? name : `${name}@${version}`;
}

function mustRebuild(name: string): HeadraceError {
  return new HeadraceError(`starting pipeline "${name}": its state was made by another version of the pipeline`, {
    code: 'ENGINE_MUST_REBUILD',
    domain: 'engine',
    next: 'add --rebuild to build it anew from the start of its inputs, or start the version that made the state',
  });
}
