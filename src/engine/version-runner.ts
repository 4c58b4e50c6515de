import type { Pipeline } from '../plan/node.ts';
import type { RunningPipeline } from './engine.ts';

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
}
