import type { Append, LogView } from '../../log/log.ts';
import type { Ask, AskTarget, Effect } from '../effect/effect.ts';
import type { JournalRecord, SnapshotPointer } from './journal.ts';
import type { Receipt } from './receipt.ts';
import type { TaskReport } from './task-status.ts';

/** Which task of which stage, and what the stages follow from. */
export interface TaskPartStart {
  readonly stage: number;
  readonly task: number;
  readonly workers: number;
  /** What the topics of the exchanges begin with. */
  readonly prefix: string;
}

/** Everything a task needs to begin; plain data. */
export interface TaskStart {
  /** Names the version that runs: what its journal and snapshots are kept under. */
  readonly key: string;
  /** Undefined: the task runs all of the pipeline. */
  readonly part?: TaskPartStart | undefined;
  /** `serializePipeline` of plan/pipeline-text.ts. */
  readonly pipeline: string;
  /** Partitions of each source topic, and the first offset that is left of each. */
  readonly topics: readonly { readonly topic: string; readonly logStarts: readonly number[] }[];
  /** Partitions of each output topic. */
  readonly outputs: readonly { readonly topic: string; readonly partitions: number }[];
  readonly snapshot: SnapshotPointer | undefined;
  readonly journal: readonly JournalRecord[];
  readonly snapshotIntervalMs: number;
  readonly memoryBytesMax: number;
  /** The inputs are bounded: nothing is in the future, and nobody is idle. */
  readonly bounded: boolean;
  /** A call of a user function did not return: the next ones get a timeout each. */
  readonly guarded?: boolean;
  /** It reads no further than another version of the pipeline has, and decides nothing about time by itself. */
  readonly follow?: Follow;
}

/** How far a version that is built beside another one may go: as far as that one has come. */
export interface Follow {
  /** Where to stop reading; a partition that is not named is read to its end. */
  readonly ends: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[];
  /** How far event time had come (µs, as text) where the other one has stopped for good, by source. */
  readonly last?: Readonly<Record<string, string>>;
  /** It is about to end: time stands still for it. */
  readonly halted?: boolean;
  /** It follows nobody any more, and time goes on. */
  readonly over?: boolean;
}

/** From the main thread to a task. */
export type ToTask =
  | {
      readonly kind: 'start';
      readonly dataDir: string;
      readonly view: LogView;
      readonly start: TaskStart;
      /** Shared with the watchdog of the thread. */
      readonly heartbeat: Int32Array;
    }
  /** The log has new commits. */
  | { readonly kind: 'wake' }
  /** All epochs up to this one are durable. */
  | { readonly kind: 'committed'; readonly epoch: number }
  /** Those that follow have much to do: no input is read until they say otherwise. */
  | { readonly kind: 'throttle'; readonly full: boolean }
  /** The tasks beside it have caught up too: silence counts from now. */
  | { readonly kind: 'serve' }
  /** Answer `drained` when all that was visible now has been processed; `flush`: and what waits for the wall clock has come out. */
  | { readonly kind: 'drain'; readonly id: number; readonly closeWindows: boolean; readonly flush: boolean }
  /** The version that it follows has come further. */
  | { readonly kind: 'follow'; readonly follow: Follow }
  /** What asks of one operator came to. */
  | { readonly kind: 'answer'; readonly operator: string; readonly effects: readonly Effect[] }
  /** No more epochs; answer `stopped`. */
  | { readonly kind: 'stop'; readonly snapshot: boolean };

/** From a task to the main thread. */
export type FromTask =
  | { readonly kind: 'recovered'; readonly epoch: number; readonly status: TaskReport }
  | {
      readonly kind: 'epoch';
      readonly record: JournalRecord;
      readonly appends: readonly Append[];
      readonly rows: number;
      readonly elapsedMs: number;
      readonly receipts: readonly Receipt[];
      readonly deadLetters: Readonly<Record<string, number>>;
    }
  /** Asks that the task cannot answer itself; each is answered once. */
  | { readonly kind: 'ask'; readonly operator: string; readonly target: AskTarget; readonly asks: readonly Ask[] }
  /** A snapshot file is durable; it counts once the ledger names it. */
  | { readonly kind: 'snapshot'; readonly pointer: SnapshotPointer }
  /** The disk refused a snapshot; it is tried again. */
  | { readonly kind: 'snapshot-refused'; readonly message: string }
  /** What was there at the start has been processed. */
  | { readonly kind: 'caught-up' }
  | { readonly kind: 'status'; readonly status: TaskReport }
  | { readonly kind: 'drained'; readonly id: number; readonly epoch: number }
  | { readonly kind: 'stopped'; readonly status: TaskReport }
  | {
      readonly kind: 'failed';
      readonly message: string;
      readonly code: string;
      readonly retryable: boolean;
    };
