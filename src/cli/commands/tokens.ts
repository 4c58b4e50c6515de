import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseDurationMs } from '../../base/duration.ts';
import type { Scope } from '../../security/principal.ts';
import { createToken, parseTokens } from '../../security/token.ts';
import { usageError } from '../cli-error.ts';
import type { Command, CommandContext } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { runSubcommand } from '../subcommand.ts';
import { tableText } from '../table-text.ts';

const SCOPES: readonly Scope[] = ['read', 'write', 'admin'];

export const tokens: Command = {
  name: 'tokens',
  usage: '[create|list] [flags]',
  wordsMax: 1,
  summary: 'Make the bearer tokens that clients authenticate with',
  description: 'The file holds hashes only: a token is shown once, when it is made.',
  subcommands: { create: 'a new token, added to the file', list: 'whom the file knows' },
  flags: {
    file: { type: 'string', value: 'file', help: 'the tokens file, named in auth.tokens_file', default: 'tokens.json' },
    principal: { type: 'string', value: 'name', help: 'create: whom it speaks for: user:alice, service:web' },
    scopes: { type: 'string', value: 'list', help: 'create: read, write, admin, comma separated', default: 'read' },
    expires: { type: 'string', value: 'duration', help: 'create: how long it is good for: 90d' },
  },
  examples: [
    { line: 'headrace tokens create --principal service:web --scopes write', does: 'for a service that sends events' },
    { line: 'headrace tokens list', does: 'whom the file knows' },
  ],
  run: (context) => runSubcommand('tokens', { create, list }, 'list', context),
};

async function create(context: CommandContext): Promise<ExitCode> {
  const { principal, scopes, expires } = context.flags;
  if (principal === undefined)
    throw usageError('creating a token: --principal is missing', 'write --principal service:web');
  const wanted = String(scopes)
    .split(',')
    .map((scope) => scope.trim());
  const unknown = wanted.find((scope) => !SCOPES.some((known) => known === scope));
  if (unknown !== undefined)
    throw usageError(`creating a token: there is no scope "${unknown}"`, `choose from ${SCOPES.join(', ')}`);
  const { token, record } = createToken({
    principal: String(principal),
    scopes: SCOPES.filter((scope) => wanted.includes(scope)),
    ...(expires !== undefined && { expiresAt: Date.now() + parseDurationMs(String(expires)) }),
  });
  const file = fileOf(context);
  const known = existsSync(file) ? parseTokens(readFileSync(file, 'utf8'), file) : [];
  writeFileSync(file, `${JSON.stringify({ tokens: [...known, record] }, null, 2)}\n`, { mode: 0o600 });
  if (context.json) context.terminal.out(`${JSON.stringify({ token, id: record.id, file })}\n`);
  else {
    context.terminal.out(`${token}\n`);
    context.terminal.err(
      `Keep it: it is not shown again. Its hash is in ${file}; name that file in auth.tokens_file.\n`,
    );
  }
  return EXIT.ok;
}

async function list(context: CommandContext): Promise<ExitCode> {
  const file = fileOf(context);
  const known = existsSync(file) ? parseTokens(readFileSync(file, 'utf8'), file) : [];
  const shown = known.map(({ id, principal, scopes, expiresAt }) => ({ id, principal, scopes, expiresAt }));
  if (context.json) context.terminal.out(`${JSON.stringify({ tokens: shown })}\n`);
  else if (shown.length === 0) context.terminal.out(`there are no tokens in ${file}\n`);
  else {
    const rows = shown.map(({ id, principal, scopes, expiresAt }) => [
      id,
      principal,
      scopes.join(','),
      expiresAt === undefined ? 'never' : new Date(expiresAt).toISOString(),
    ]);
    context.terminal.out(tableText(['id', 'principal', 'scopes', 'expires'], rows, context.terminal.width));
  }
  return EXIT.ok;
}

function fileOf({ flags, cwd }: CommandContext): string {
  return resolve(cwd, String(flags.file));
}
