import { check, type Fault, type FaultContext, until } from '../fault.ts';
import { type Harm, shimMissing, withShim } from '../shim.ts';
import { withTrial } from '../trial.ts';

const EXIT_MS_MAX = 20_000;
const SKIP_MAX = 60;
/** The commit log and the segments: what an acknowledgement rests on. */
const PATHS = ['/commit/', '/topics/'];

/** The error ends writing: the process says so and ends, and a start recovers. */
async function failsAndRecovers(calls: Harm['calls'], { rounds, seed, random }: FaultContext) {
  return withShim((shim) =>
    withTrial({ seed, pauseMs: 2, env: shim.env }, async (trial) => {
      trial.startLoad();
      for (let round = 0; round < rounds; round++) {
        await trial.progress(500);
        const path = PATHS[round % PATHS.length]!;
        const skip = Math.floor(random() * SKIP_MAX);
        // One error only: whoever tries again would seem to succeed, and have lost what the failed call covered.
        shim.begin({ calls, error: 'EIO', path, skip, times: 1 });
        const code = await trial.exit(EXIT_MS_MAX);
        shim.end();
        check(code === 1, `the process ended with ${code}, not with 1`);
        check(trial.server.output().includes('EIO'), `it does not say why it ends:\n${trial.server.output()}`);
        await trial.restart();
      }
      await trial.progress(500);
      return { rounds, failedCalls: shim.failed, exitMs: trial.exitMs, ...(await trial.finish()) };
    }),
  );
}

export const writeError: Fault = {
  name: 'write-error',
  does: 'EIO from one write of the log: the process says so and ends; a start recovers',
  missing: shimMissing,
  rounds: 4,
  run: (context) => failsAndRecovers('write', context),
};

export const syncError: Fault = {
  name: 'sync-error',
  does: 'EIO from one fsync of the log: never retried as if it had worked; the process says so and ends; a start recovers',
  missing: shimMissing,
  rounds: 4,
  run: (context) => failsAndRecovers('sync', context),
};

const SNAPSHOT_FAILURES = 3;
const SNAPSHOT_MS_MAX = 20_000;

/** A snapshot is an optimisation: its failure costs replay, nothing else. */
export const snapshotError: Fault = {
  name: 'snapshot-error',
  does: 'EIO and ENOSPC from writes and fsyncs of snapshots: told, and nothing stops',
  missing: shimMissing,
  rounds: 4,
  run: ({ rounds, seed }) =>
    withShim((shim) =>
      withTrial({ seed, pauseMs: 2, env: shim.env }, async (trial) => {
        trial.startLoad();
        for (let round = 0; round < rounds; round++) {
          await trial.progress(500);
          const calls = round % 2 === 0 ? 'write' : 'sync';
          const error = round % 4 < 2 ? 'EIO' : 'ENOSPC';
          const before = shim.failed;
          shim.begin({ calls, error, path: '/snapshots/', skip: 0, times: SNAPSHOT_FAILURES });
          await trial.progress(500);
          // A snapshot is taken when it has been quiet for a moment.
          await trial.stopLoad();
          await until('a snapshot to fail', SNAPSHOT_MS_MAX, () => (shim.failed > before ? true : undefined));
          trial.startLoad();
          await trial.progress(500);
          shim.end();
        }
        await trial.server.stop('SIGKILL');
        await trial.restart();
        return { rounds, failedCalls: shim.failed, ...(await trial.finish()) };
      }),
    ),
};
