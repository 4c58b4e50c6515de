import { check, type Fault, sleep } from '../fault.ts';
import { shimMissing, withShim } from '../shim.ts';
import { withTrial } from '../trial.ts';

/** On a machine that is busy, a client may be late by itself; a clock that is followed makes all late. */
const LATE_PART_MAX = 0.01;
const HOUR_MS = 3_600_000;
const HELD_MS = 2_000;
/** The source falls idle after 10 s: from then on the clock moves its watermark. */
const IDLE_MS = 11_000;

/** An operator, a virtual machine or a wrong time server sets the clock: an hour ahead, back, an hour behind, and back. */
export const clock: Fault = {
  name: 'clock',
  does: 'the clock of the day one hour ahead and back, one hour behind and back, under load and while the input is quiet: no row is late for it',
  missing: shimMissing,
  rounds: 1,
  run: ({ rounds, seed }) =>
    withShim((shim) =>
      withTrial({ seed, pauseMs: 5, env: shim.env }, async (trial) => {
        for (let round = 0; round < rounds; round++) {
          for (const quiet of [false, true]) {
            for (const offsetMs of [HOUR_MS, 0, -HOUR_MS, 0]) {
              trial.startLoad();
              await trial.progress(500);
              // What is sent again after a kill may be late, which would hide what is late because of the clock.
              if (quiet) await trial.stopLoad();
              if (quiet) await sleep(IDLE_MS);
              shim.moveClock(offsetMs);
              await sleep(HELD_MS);
              if (quiet) trial.startLoad();
              await trial.progress(500);
              await trial.stopLoad();
              await trial.server.stop('SIGKILL');
              await trial.restart();
            }
          }
        }
        const checked = await trial.finish();
        check(checked.late <= checked.events * LATE_PART_MAX, `${checked.late} rows of ${checked.events} are late`);
        return { rounds, ...checked };
      }),
    ),
};
