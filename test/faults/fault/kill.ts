import { check, type Fault, sleep } from '../fault.ts';
import { withTrial } from '../trial.ts';

const ROUNDS_PER_TRIAL = 10;
const KILL_AFTER_MS_MAX = 400;

/** Ends the process at random moments of ingest and processing, and starts it again. */
export const kill: Fault = {
  name: 'kill',
  does: 'kill -9 at random moments, then a start',
  rounds: 20,
  async run({ rounds, seed, random }) {
    let events = 0;
    let late = 0;
    for (let done = 0; done < rounds; done += ROUNDS_PER_TRIAL) {
      const trialSeed = seed + done / ROUNDS_PER_TRIAL;
      const checked = await withTrial({ seed: trialSeed }, async (trial) => {
        trial.startLoad();
        for (let round = done; round < Math.min(rounds, done + ROUNDS_PER_TRIAL); round++) {
          await sleep(random() * KILL_AFTER_MS_MAX);
          await trial.server.stop('SIGKILL');
          await trial.restart();
        }
        await trial.progress(1);
        return trial.finish();
      });
      events += checked.events;
      late += checked.late;
    }
    check(events > 0, 'nothing was acknowledged between the kills: the test shows nothing');
    return { rounds, events, late };
  },
};
