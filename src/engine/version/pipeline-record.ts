import { textOf, utf8 } from '../../base/bytes.ts';
import { HeadraceError, messageOf } from '../../base/error.ts';
import type { LedgerPut, Log } from '../../log/log.ts';
import type { Pipeline } from '../../plan/node.ts';
import { deserializePipeline, serializePipeline } from '../../plan/pipeline-text.ts';

/** Ledger space of what is known of each pipeline beside its state; the key is its name. */
export const PIPELINE_SPACE = 'pipeline';
/** Ledger space of bundles of user functions, by hash: those of every version that is kept. */
export const MODULE_SPACE = 'module';

const FORMAT = 1;

export interface TopicOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** One version of a pipeline whose state is kept. */
export interface StoredVersion {
  /** From 1. */
  readonly version: number;
  /** What its journal and snapshots are kept under. */
  readonly key: string;
  /** `serializePipeline`, without the text of user modules. */
  readonly plan: string;
  /** In how many workers its state is; 1 without it. */
  readonly workers?: number;
  /** Where it began to read, if not at the start of its inputs. */
  readonly from?: readonly TopicOffset[];
}

/** A version that is built beside the current one. */
export interface BuildingVersion extends StoredVersion {
  /** Its state until the cut-over is of these views alone, under a key of its own: the others go on with theirs. */
  readonly part?: { readonly views: readonly string[]; readonly key: string };
  /** Where to what it writes goes until the cut-over, by topic; null for nowhere. */
  readonly redirect: readonly (readonly [string, string | null])[];
  /** Topics that were made for it: they go if it is given up. */
  readonly made: readonly string[];
  readonly begunAtMs: number;
}

/** What the ledger knows of a pipeline. */
export interface PipelineRecord {
  readonly current: StoredVersion;
  readonly building?: BuildingVersion;
  /** Stopped by a user: it stays so over restarts. */
  readonly paused?: { readonly atMs: number; readonly mustRebuild?: string };
  /** Number of the next version. */
  readonly next: number;
}

export function readPipelineRecord(log: Log, name: string): PipelineRecord | undefined {
  const bytes = log.ledgerGet(PIPELINE_SPACE, name);
  return bytes === undefined ? undefined : decodePipelineRecord(name, bytes);
}

export function storedPipelineNames(log: Log): readonly string[] {
  return [...log.ledgerEntries(PIPELINE_SPACE).keys()].sort();
}

export function putPipelineRecord(name: string, record: PipelineRecord | undefined): LedgerPut {
  const value = record === undefined ? undefined : utf8(JSON.stringify({ format: FORMAT, ...record }));
  return { space: PIPELINE_SPACE, key: name, value };
}

/** @throws HeadraceError `ENGINE_JOURNAL_INVALID` */
function decodePipelineRecord(name: string, bytes: Uint8Array): PipelineRecord {
  try {
    const { format, ...record } = JSON.parse(textOf(bytes)) as PipelineRecord & { format?: unknown };
    if (format !== FORMAT) throw new Error(`its format is ${String(format)}, not ${FORMAT}`);
    return record;
  } catch (cause) {
    throw new HeadraceError(`reading what is stored of pipeline "${name}": ${messageOf(cause)}`, {
      code: 'ENGINE_JOURNAL_INVALID',
      domain: 'engine',
      cause,
      next: 'start the version of Headrace that wrote it',
    });
  }
}

/** The plan as it is stored: modules by their hash alone. */
export function storedPlan(pipeline: Pipeline): string {
  const modules = pipeline.modules.map((module) => ({ ...module, code: '' }));
  return serializePipeline({ ...pipeline, modules });
}

/** The bundles that a plan needs, as the ledger keeps them. */
export function putModules(pipeline: Pipeline): readonly LedgerPut[] {
  return pipeline.modules.map(({ hash, code }) => ({ space: MODULE_SPACE, key: hash, value: utf8(code) }));
}

/** The plan of a stored version, without the text of its modules. @throws HeadraceError `PLAN_FORMAT_UNKNOWN` */
export function planOf({ plan }: StoredVersion): Pipeline {
  return deserializePipeline(plan);
}

/**
 * The pipeline that a stored version runs, with its bundles.
 * @throws HeadraceError `ENGINE_MODULE_MISSING`, `PLAN_FORMAT_UNKNOWN`
 */
export function pipelineOf(log: Log, stored: StoredVersion): Pipeline {
  const pipeline = planOf(stored);
  if (pipeline.modules.length === 0) return pipeline;
  const modules = pipeline.modules.map(({ hash }) => {
    const code = log.ledgerGet(MODULE_SPACE, hash);
    if (code === undefined) throw moduleMissing(pipeline.name, stored.version, hash);
    return { hash, code: textOf(code) };
  });
  return { ...pipeline, modules };
}

/** Removes the bundles that only versions which are gone needed; `after` are the records as they will be. */
export function modulesLeftOver(
  log: Log,
  after: ReadonlyMap<string, PipelineRecord | undefined>,
): readonly LedgerPut[] {
  const needed = new Set<string>();
  for (const name of new Set([...storedPipelineNames(log), ...after.keys()])) {
    const record = after.has(name) ? after.get(name) : readPipelineRecord(log, name);
    for (const version of [record?.current, record?.building]) {
      if (version === undefined) continue;
      for (const { hash } of deserializePipeline(version.plan).modules) needed.add(hash);
    }
  }
  return [...log.ledgerEntries(MODULE_SPACE).keys()]
    .filter((hash) => !needed.has(hash))
    .map((key) => ({ space: MODULE_SPACE, key, value: undefined }));
}

function moduleMissing(name: string, version: number, hash: string): HeadraceError {
  return new HeadraceError(
    `reading version ${version} of pipeline "${name}": its bundle of user functions ${hash.slice(0, 12)} is not stored`,
    {
      code: 'ENGINE_MODULE_MISSING',
      domain: 'engine',
      next: 'apply the project: the pipeline is built anew from its inputs',
    },
  );
}
