import type { Pipeline } from '../plan/node.ts';
import type { RunningPipeline } from './engine.ts';
import type { Follow } from './task/message.ts';
import type { TopicOffset } from './version/pipeline-record.ts';

/** One version of a pipeline as the engine runs it: in one task or in several. */
export interface VersionRunner extends RunningPipeline {
  /** @throws HeadraceError what recovery throws */
  start(): Promise<void>;
  /** Does nothing until it is started, but what it will need is kept. */
  hold(): void;
  /** What it had sent to the log when it ended has come there, or has not. */
  settled(): Promise<void>;
  /** It is declared with other alerts or sinks, and the same data flow. */
  redefine(pipeline: Pipeline): void;
  /** Where the durable epochs end in each source topic; what retention has taken counts as read. */
  positions(): readonly TopicOffset[];
  /** How far event time has come in each source, by name (µs, as text), wherever rows of it are. */
  watermarks(): Readonly<Record<string, string>>;
  /** It reads as far as it is told, at its own pace. */
  follow(follow: Follow): void;
  /** Reads as far as it is told, and resolves when all of that has come out, also what waits for answers or for an interval. */
  reach(follow: Follow): Promise<void>;
  /** Reads what is there now and no more; resolves when all of that has come out, at one event time. Time stands still for it. */
  halt(): Promise<void>;
  /** Of one that has ended: whether rows that it has read may not have come out. */
  holdsRows(): boolean;
  /** Commits nothing more until it is thawed; resolves when nothing is on its way. */
  freeze(): Promise<void>;
  /** Commits again; `live`: as the version whose results are seen, which follows nobody. */
  thaw(options: { readonly live: boolean }): void;
}
