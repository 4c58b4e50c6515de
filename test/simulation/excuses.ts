import { HeadraceError } from '../../src/base/error.ts';

/** Codes that something may fail with, by the fault that explains them. */
const EXPLAINED = {
  write: ['LOG_WRITE_FAILED', 'LOG_OPEN_FAILED'],
  full: ['LOG_DISK_FULL'],
  read: ['LOG_READ_FAILED', 'LOG_OPEN_FAILED', 'LOG_WRITE_FAILED', 'ENGINE_SNAPSHOT_INVALID'],
  flip: [
    'LOG_CORRUPT',
    'LOG_VERSION_UNKNOWN',
    'LOG_WRITE_FAILED',
    'ENGINE_INPUT_UNREADABLE',
    'ENGINE_SNAPSHOT_INVALID',
  ],
} as const;

export type Excuse = keyof typeof EXPLAINED;

/** Which errors the faults so far explain: any other is a mistake, and so is one that does not say what to do. */
export class Excuses {
  readonly #codes = new Set<string>();
  #mistake: Error | undefined;

  add(kind: Excuse): void {
    for (const code of EXPLAINED[kind]) this.#codes.add(code);
  }

  clear(): void {
    this.#codes.clear();
  }

  get isEmpty(): boolean {
    return this.#codes.size === 0;
  }

  covers(error: unknown): boolean {
    return error instanceof HeadraceError && this.#codes.has(error.code);
  }

  /** Remembers an error that nothing explains. */
  require(what: string, error: unknown): void {
    if (error instanceof HeadraceError && error.code === 'LOG_CLOSED') return;
    const code = error instanceof HeadraceError ? error.code : 'none';
    if (!this.covers(error)) this.#mistake ??= new Error(`${what}: unexpected ${code}`, { cause: error });
    else if (!(error as HeadraceError).message.includes('; ')) {
      this.#mistake ??= new Error(`${what}: ${code} does not say what to do`, { cause: error });
    }
  }

  /** @throws Error the first that nothing explains */
  throwMistake(): void {
    if (this.#mistake !== undefined) throw this.#mistake;
  }
}
