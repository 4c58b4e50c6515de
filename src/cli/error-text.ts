import { HeadraceError, messageOf } from '../base/error.ts';
import { styled, type Terminal } from './output.ts';

/** Who reads it: `HEADRACE_DEBUG` asks for stacks. */
export interface ErrorReader {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
}

/** The message alone; the stack only when it was asked for, or when the error is not one of ours. */
export function errorText(error: unknown, json: boolean, { env, terminal }: ErrorReader): string {
  const known = error instanceof HeadraceError ? error : undefined;
  if (json) {
    const { code = 'CLI_INTERNAL', next, position } = known ?? {};
    return `${JSON.stringify({ error: { code, message: messageOf(error), next, position } })}\n`;
  }
  const stack = env.HEADRACE_DEBUG !== undefined || known === undefined;
  const text = stack && error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
  const { position } = known ?? {};
  const place =
    position === undefined || text.includes(`${position.line}:${position.column}`)
      ? ''
      : `${position.file ?? ''}:${position.line}:${position.column}: `;
  return `${styled(terminal, 'red', 'error')}: ${place}${text}\n`;
}
