import { defineConfig } from 'vitest/config';

const limits = { testTimeout: 30_000, hookTimeout: 60_000, pool: 'forks', maxWorkers: 2 } as const;

export default defineConfig({
  test: {
    ...limits,
    projects: [
      // Files of a worker share their modules: reading them anew for each file took a third of the time. So a test leaves nothing behind
      // in a module, nor in the process.
      { test: { ...limits, name: 'units', include: ['src/**/*.test.ts'], isolate: false } },
      {
        test: {
          ...limits,
          name: 'whole',
          include: ['test/**/*.test.ts', 'console/**/*.test.ts', 'examples/*.test.ts'],
        },
      },
    ],
  },
});
