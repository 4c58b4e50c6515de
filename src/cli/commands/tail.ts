import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient, SERVER_FLAGS } from '../api-client.ts';
import { CliError, usageError } from '../cli-error.ts';
import type { Command, CommandContext } from '../command.ts';
import { readEvents } from '../event-stream.ts';
import { EXIT } from '../exit-code.ts';
import { styled } from '../output.ts';

const RECONNECT_MS = 1_000;
const GONE = 410;

interface Frame {
  readonly op: string;
  readonly key: string | null;
  readonly row: unknown;
  readonly offset: string;
}

export const tail: Command = {
  name: 'tail',
  usage: '<view|topic> [flags]',
  wordsMax: 1,
  summary: 'Follow a view or a topic live',
  description: 'Shows what is there, then every change, until Ctrl-C. After a break it goes on where it was.',
  flags: {
    limit: { type: 'integer', value: 'n', help: 'end after this many rows' },
    offset: { type: 'string', value: 'offset', help: 'go on after the frame that had this offset' },
    'new-only': { type: 'boolean', help: 'leave out what is there already' },
    ...SERVER_FLAGS,
  },
  examples: [
    { line: 'headrace tail requests_1m', does: 'windows as they change' },
    { line: 'headrace tail requests --new-only --limit 5', does: 'the next five events' },
    { line: 'headrace tail _alerts --json', does: 'alerts, one JSON frame a line' },
  ],
  async run(context) {
    const [id, ...more] = context.words;
    if (id === undefined || more.length > 0)
      throw usageError('reading the command line: name one view or topic', 'see "headrace topics" for those there are');
    const client = ApiClient.of(context);
    const limit = context.flags.limit === undefined ? Number.POSITIVE_INFINITY : Number(context.flags.limit);
    const cursor: Cursor = { offset: context.flags.offset as string | undefined, left: limit, connected: false };
    while (!context.signal.aborted && cursor.left > 0) {
      try {
        await follow(client, id, context, cursor);
      } catch (error) {
        if (context.signal.aborted) break;
        // Only a break of what worked before is waited out.
        if (!cursor.connected || (error instanceof CliError && error.exitCode !== EXIT.unreachable)) throw error;
      }
      if (cursor.left > 0) await sleep(RECONNECT_MS, undefined, { signal: context.signal }).catch(() => {});
    }
    return EXIT.ok;
  },
};

interface Cursor {
  offset: string | undefined;
  left: number;
  connected: boolean;
}

async function follow(client: ApiClient, id: string, context: CommandContext, cursor: Cursor): Promise<void> {
  const snapshot = context.flags['new-only'] === true ? '?snapshot=false' : '';
  const headers = cursor.offset === undefined ? {} : { 'last-event-id': cursor.offset };
  const path = `/api/v2/stream/${encodeURIComponent(id)}${snapshot}`;
  const enough = new AbortController();
  const signal = AbortSignal.any([context.signal, enough.signal]);
  const response = await client.request(path, signal, { headers });
  cursor.connected = true;
  try {
    for await (const event of readEvents(response.body as unknown as AsyncIterable<Uint8Array>)) {
      if (event.id !== undefined && event.id !== '') cursor.offset = event.id;
      if (event.event === 'error') {
        refuseFinal(JSON.parse(event.data) as Problem);
        continue;
      }
      show(JSON.parse(event.data) as Frame, event.data, context, cursor);
      if (cursor.left <= 0) return;
    }
  } finally {
    enough.abort();
  }
}

interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly status: number;
}

/** The changes in between are lost: whoever reads the output must know. @throws CliError */
function refuseFinal({ code, detail, status }: Problem): void {
  if (status === GONE) throw new CliError(EXIT.failed, code, detail);
}

function show(frame: Frame, text: string, { json, terminal }: CommandContext, cursor: Cursor): void {
  if (frame.op === 'caught-up') {
    if (json) terminal.out(`${text}\n`);
    return;
  }
  cursor.left -= 1;
  if (json) terminal.out(`${text}\n`);
  else if (frame.op === 'delete') terminal.out(`${styled(terminal, 'red', '-')} ${frame.key ?? ''}\n`);
  else
    terminal.out(
      `${styled(terminal, frame.op === 'snapshot' ? 'dim' : 'green', frame.op === 'snapshot' ? ' ' : '+')} ${JSON.stringify(frame.row)}\n`,
    );
}
