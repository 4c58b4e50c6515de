import type { Clock } from '../base/clock.ts';
import type { Log } from '../log/log.ts';
import type { Logger } from '../telemetry/logger.ts';

/** What every sink is given. */
export interface SinkParts {
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1): spreads retries. */
  readonly random?: () => number;
}
