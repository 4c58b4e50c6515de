import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import type { Logger } from '../telemetry/logger.ts';

/** While a fault lasts, every request fails alike: one line in this time says so, with how many there were. */
const REPEAT_MS = 10_000;

interface Repeated {
  since: number;
  unsaid: number;
}

/** Logs requests that failed; those that fail again with the same code are counted. */
export function reportFailures(
  logger: Pick<Logger, 'error'>,
  clock: Pick<Clock, 'monotonicMs'>,
): (error: unknown, request: string) => void {
  const byCode = new Map<string, Repeated>();
  return (error, request) => {
    if (!(error instanceof HeadraceError)) {
      logger.error('a request failed', { error, request });
      return;
    }
    const now = clock.monotonicMs();
    const known = byCode.get(error.code);
    if (known !== undefined && now - known.since < REPEAT_MS) {
      known.unsaid++;
      return;
    }
    const unsaid = known?.unsaid ?? 0;
    byCode.set(error.code, { since: now, unsaid: 0 });
    logger.error('a request failed', { error, request, ...(unsaid > 0 && { others_since_the_last: unsaid }) });
  };
}
