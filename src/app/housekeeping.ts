import type { Clock } from '../base/clock.ts';
import type { SweptIngest } from '../ingest/acceptor.ts';
import type { Log } from '../log/log.ts';
import type { Logger } from '../telemetry/logger.ts';

const INTERVAL_MS = 30_000;

export interface HousekeepingOptions {
  readonly log: Log;
  readonly ingest: SweptIngest;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Before retention: what it may take that was kept until now. */
  readonly release: () => Promise<unknown>;
}

/** What must happen now and then: retention, compaction, and forgetting idempotent answers that have expired. */
export class Housekeeping {
  readonly #options: HousekeepingOptions;
  #cancel: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  #isCompacting = false;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancel = this.#options.clock.after(INTERVAL_MS, () => {
      this.#running = this.#clean().then(() => {
        if (!this.#stopped) this.start();
      });
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running;
  }

  /** Beside the rest, which must not wait for it; the log ends it when it closes. */
  #compact(): void {
    const { log, logger } = this.#options;
    if (this.#isCompacting) return;
    this.#isCompacting = true;
    log
      .compact()
      .then(({ removedBytes }) => {
        if (removedBytes > 0) logger.info('compaction removed what was superseded', { bytes: removedBytes });
      })
      .catch((error: unknown) => logger.error('compaction failed; it is tried again', { error }))
      .finally(() => {
        this.#isCompacting = false;
      });
  }

  async #clean(): Promise<void> {
    const { log, ingest, logger, release } = this.#options;
    try {
      await release();
      const { deletedBytes } = await log.applyRetention();
      if (deletedBytes > 0) logger.info('retention deleted old segments', { bytes: deletedBytes });
      this.#compact();
      await ingest.sweep();
    } catch (error) {
      logger.error('housekeeping failed; it is tried again', { error, afterMs: INTERVAL_MS });
    }
  }
}
