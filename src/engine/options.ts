import type { EngineOptions } from './engine.ts';

/** What a process starts with when nothing else is configured. */
export const ENGINE_DEFAULTS: EngineOptions = {
  workers: 1,
  snapshotIntervalMs: 10_000,
  workerMemoryBytesMax: 4 * 1024 ** 3,
};
