import type { RunningApp, RuntimeOptions } from '../app/runtime.ts';

export type { RunningApp };

/** Loads what runs a project when one is started, so that the other commands stay quick. */
export async function launch(options: RuntimeOptions): Promise<RunningApp> {
  const { startRuntime } = await import('../app/runtime.ts');
  return startRuntime(options);
}
