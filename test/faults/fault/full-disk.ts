import { check, type Fault, until } from '../fault.ts';
import { query } from '../invariant.ts';
import { mountMissing, type SmallDisk, withSmallDisk } from '../small-disk.ts';
import { type Trial, withTrial } from '../trial.ts';

const DISK_MEGABYTES = 160;
const REFUSAL = '507 LOG_DISK_FULL';
const REFUSED_MS_MAX = 20_000;
/** Pipelines try again within seconds. */
const RECOVERED_MS_MAX = 20_000;
const LEAVE_BYTES_MAX = 2 * 1024 * 1024;

/** A start on a full disk serves reads, or is refused clearly. */
async function killAndStart(trial: Trial, disk: SmallDisk): Promise<void> {
  await trial.server.stop('SIGKILL');
  disk.fill(0);
  try {
    await trial.restart();
  } catch (error) {
    check(
      String(error).includes('no space left on the disk'),
      `a start on a full disk is not refused clearly: ${error}`,
    );
    return;
  }
  await query(trial.url, 'SELECT count(*) FROM events_1h');
}

/** Somebody else fills the disk under load, and gives the space back. */
export const fullDisk: Fault = {
  name: 'full-disk',
  does: 'a full file system under load, with a kill and a start in every second round: writes are refused, reads go on, all goes on by itself when space returns',
  missing: () => mountMissing('tmpfs'),
  rounds: 3,
  run: ({ rounds, seed, random }) =>
    withSmallDisk(mountMissing('ext4') === undefined ? 'ext4' : 'tmpfs', DISK_MEGABYTES, (disk) =>
      withTrial({ seed, dataDir: disk.dataDir, pauseMs: 5 }, async (trial) => {
        trial.startLoad();
        for (let round = 0; round < rounds; round++) {
          await trial.progress(1_000);
          const refusals = trial.answered(REFUSAL);
          disk.fill(Math.floor(random() * LEAVE_BYTES_MAX));
          await until(
            'requests to be refused',
            REFUSED_MS_MAX,
            () => {
              disk.fill(0);
              return trial.answered(REFUSAL) > refusals + 10 ? true : undefined;
            },
            () => JSON.stringify([...trial.answers]),
          );
          await query(trial.url, 'SELECT count(*) FROM events_1h');
          const live = await trial.health('live');
          check(live.status === 200, `live answers ${live.status} while the disk is full`);
          // What a refused round gives back lets a small one through, now and then.
          await until('ready to tell of the full disk', REFUSED_MS_MAX, async () => {
            disk.fill(0);
            const ready = await trial.health('ready');
            check(ready.status === 200, `ready answers ${ready.status} while the disk is full: reads are to go on`);
            return ready.text.includes('LOG_DISK_FULL') ? true : undefined;
          });
          if (round % 2 === 1) await killAndStart(trial, disk);
          disk.free();
          if (trial.server.process.exitCode !== null) await trial.restart();
          await trial.progress(1_000, RECOVERED_MS_MAX);
          await until('ready to be without problems', RECOVERED_MS_MAX, async () =>
            (await trial.health('ready')).text === '{"status":"ready"}' ? true : undefined,
          );
        }
        return { rounds, refused: trial.answered(REFUSAL), ...(await trial.finish()) };
      }),
    ),
};
