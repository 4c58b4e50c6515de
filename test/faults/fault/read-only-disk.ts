import { check, type Fault } from '../fault.ts';
import { mountMissing, withSmallDisk } from '../small-disk.ts';
import { withTrial } from '../trial.ts';

const DISK_MEGABYTES = 160;
const EXIT_MS_MAX = 20_000;

/** The file system finds itself damaged and goes read-only, as ext4 does by default in most distributions. */
export const readOnlyDisk: Fault = {
  name: 'read-only-disk',
  does: 'ext4 remounts itself read-only under load: the process ends and says why; after a repair, a start recovers',
  missing: () => mountMissing('ext4'),
  rounds: 2,
  run: ({ rounds, seed }) =>
    withSmallDisk('ext4', DISK_MEGABYTES, (disk) =>
      withTrial({ seed, dataDir: disk.dataDir, pauseMs: 5 }, async (trial) => {
        trial.startLoad();
        for (let round = 0; round < rounds; round++) {
          await trial.progress(1_000);
          disk.breakToReadOnly();
          const code = await trial.exit(EXIT_MS_MAX);
          check(code === 1, `the process ended with ${code}, not with 1`);
          check(trial.server.output().includes('EROFS'), `it does not say why it ends:\n${trial.server.output()}`);
          const refusal = await trial.restart().then(
            () => undefined,
            (error: unknown) => String(error),
          );
          check(refusal?.includes('EROFS') === true, `a start on a read-only disk is not refused clearly: ${refusal}`);
          disk.repair();
          await trial.restart();
        }
        await trial.progress(1_000);
        return { rounds, exitMs: trial.exitMs, ...(await trial.finish()) };
      }),
    ),
};
