import { check, type Fault, sleep } from '../fault.ts';
import { withTrial } from '../trial.ts';

const PAUSE_MS = 3_000;
const BETWEEN_MS = 500;

/** Stops the process as a whole for seconds, as a laptop that sleeps or a machine that swaps does. */
export const pause: Fault = {
  name: 'pause',
  does: `SIGSTOP for ${PAUSE_MS / 1000} s, then SIGCONT`,
  rounds: 3,
  run: ({ rounds, seed }) =>
    withTrial({ seed, pauseMs: 5 }, async (trial) => {
      trial.startLoad();
      for (let round = 0; round < rounds; round++) {
        await trial.progress(500);
        process.kill(trial.pid, 'SIGSTOP');
        await sleep(PAUSE_MS);
        const before = trial.acknowledged;
        process.kill(trial.pid, 'SIGCONT');
        await trial.progress(1, 2_000);
        await sleep(BETWEEN_MS);
        check(trial.acknowledged > before, 'nothing was acknowledged after the pause');
      }
      const { status } = await trial.health('ready');
      check(status === 200, `ready answers ${status} after a pause`);
      return { rounds, ...(await trial.finish()) };
    }),
};
