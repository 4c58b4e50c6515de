import type { Clock } from '../base/clock.ts';
import type { HeadraceError } from '../base/error.ts';
import type { Append, Log } from '../log/log.ts';
import type { Pipeline } from '../plan/node.ts';
import type { EngineOptions } from './engine.ts';
import type { ExecutorFactory } from './task/executor.ts';
import type { InputRange } from './task/journal.ts';
import type { Follow, TaskPartStart } from './task/message.ts';
import type { Receipt } from './task/receipt.ts';
import type { SnapshotStore } from './task/snapshot-store.ts';
import type { TopicOffset } from './version/pipeline-record.ts';
import type { Redirect } from './version/redirect.ts';

export interface PipelineRunnerOptions {
  readonly pipeline: Pipeline;
  /** What the journal and the snapshots of this version are kept under. */
  readonly key: string;
  /** Where reading began, if not at the start of the inputs. */
  readonly from?: readonly TopicOffset[];
  /** A version that is built beside another one: how far it may read, and where to what it writes goes. */
  readonly beside?: { readonly follow: () => Follow; readonly redirect: Redirect };
  readonly log: Log;
  readonly clock: Clock;
  readonly engine: EngineOptions;
  readonly bounded: boolean;
  readonly executor: ExecutorFactory;
  readonly snapshots: SnapshotStore;
  /** Of one of several tasks. */
  readonly role?: TaskRole;
  readonly onEpoch: (rows: number, elapsedMs: number) => void;
  /** The effects of an epoch can be seen: what it read, the dead letters that it wrote, and how long it waited for its commit. */
  readonly onVisible: (
    receipts: readonly Receipt[],
    deadLetters: Readonly<Record<string, number>>,
    commitMs: number,
  ) => void;
  readonly onFailure: (error: HeadraceError) => void;
  /** Something to be known that does not stop the pipeline. */
  readonly onWarning: (message: string) => void;
  /** The newest snapshot is damaged: the message says what recovery begins with. */
  readonly onDamaged: (message: string) => void;
}

/** What one of several tasks of a pipeline is to its runner. */
export interface TaskRole {
  readonly part: TaskPartStart;
  /** Topics that come from an earlier stage. */
  readonly exchanges: readonly string[];
  /** Whether the task reads the partition of a source or of an exchange. */
  readonly reads: (topic: string, partition: number) => boolean;
  /** What was committed: of exchanges it is counted how far they are ahead. */
  readonly onCommitted: (appends: readonly Append[], ranges: readonly InputRange[]) => void;
  readonly onCaughtUp: () => void;
  /** It has begun anew, and knows nothing of what it was told. */
  readonly onRecovered: () => void;
}
