import { EXIT } from './exit-code.ts';

/** A disk that has failed may keep a clean stop from ending; a supervisor is to start the process again all the same. */
const FAILED_STOP_MS_MAX = 15_000;

/** Resolves when the user wants it to end, rejects when it cannot go on; keeps the process alive until then. */
export function untilAborted(signal: AbortSignal, failed?: Promise<Error>): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve, reject) => {
    // A waiting promise alone does not keep Node alive.
    const alive = setInterval(() => {}, 2 ** 30);
    const end = (): void => clearInterval(alive);
    void failed?.then((error) => {
      end();
      setTimeout(() => process.exit(EXIT.failed), FAILED_STOP_MS_MAX).unref();
      reject(error);
    });
    signal.addEventListener(
      'abort',
      () => {
        end();
        resolve();
      },
      { once: true },
    );
  });
}
