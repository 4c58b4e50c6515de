import { HeadraceError } from '../base/error.ts';
import { EXIT, type ExitCode } from './exit-code.ts';

/** An error of the command line: it knows its exit code. */
export class CliError extends HeadraceError {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, code: string, message: string, next?: string, cause?: unknown) {
    super(message, { code, domain: 'cli', ...(next !== undefined && { next }), ...(cause !== undefined && { cause }) });
    this.exitCode = exitCode;
  }
}

export function usageError(message: string, next: string): CliError {
  return new CliError(EXIT.usage, 'CLI_USAGE', message, next);
}

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof CliError ? error.exitCode : EXIT.failed;
}
