import type { Engine } from '../engine/engine.ts';
import type { Log } from '../log/log.ts';
import { diskFull } from '../log/log-error.ts';
import type { PresentProblem } from '../protocol/http/services.ts';

/** What does not work now, for whoever asks after the health of the process. */
export function presentProblems(
  log: Pick<Log, 'dataDir' | 'stats'>,
  engine: Pick<Engine, 'pipelines'>,
): readonly PresentProblem[] {
  const problems: PresentProblem[] = [];
  const { diskFull: isFull, failure } = log.stats();
  const ofLog = failure ?? (isFull ? diskFull(`writing the log in ${log.dataDir}`, undefined) : undefined);
  if (ofLog !== undefined) problems.push({ code: ofLog.code, message: ofLog.message });
  for (const running of engine.pipelines()) {
    const { name, state, error } = running.status();
    if (error === undefined || (state !== 'paused' && state !== 'failed')) continue;
    problems.push({ code: error.code, message: `pipeline "${name}" is ${state}: ${error.message}` });
  }
  return problems;
}
