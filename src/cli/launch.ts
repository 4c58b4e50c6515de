import type { RunningPipeline } from '../engine/engine.ts';

/** A project that runs in this process; what the commands need of it. */
export interface RunningApp {
  /** Undefined when no HTTP door is open. */
  readonly url: string | undefined;
  readonly project: { readonly name: string; readonly dir: string };
  pipelines(): readonly RunningPipeline[];
  /** Resolves when all bounded input has been read to its end and all that follows from it is committed. */
  idle(): Promise<void>;
  stop(): Promise<void>;
  /** Reads the project's files again and runs what they say now; what ran goes on when they are wrong. */
  apply(): Promise<void>;
}

export interface LaunchOptions {
  readonly projectDir: string;
  /** Options of the configuration that were given as flags, by their name without dashes. */
  readonly flags: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly until: 'stopped' | 'idle';
}

export type Launch = (options: LaunchOptions) => Promise<RunningApp>;

/** Loads what runs a project when one is started, so that the other commands stay quick. */
export const launch: Launch = async (options) => {
  const runtime = '../app/runtime.ts';
  const { startRuntime } = (await import(runtime)) as { readonly startRuntime: Launch };
  return startRuntime(options);
};
