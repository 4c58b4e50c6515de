import { DEAD_LETTER_TOPIC, type DeadLetter } from '../../ingest/ingest.ts';
import { jsonText } from '../../protocol/http/json-text.ts';
import { newestRecords } from '../../protocol/http/record-page.ts';
import type { JsonRow } from '../../serving/serving.ts';
import { CliError } from '../cli-error.ts';
import type { Command, CommandContext } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { launch, type RunningApp } from '../launch.ts';
import { Progress, styled } from '../output.ts';
import { projectDirOf } from '../project-dir.ts';
import { countText } from '../size-text.ts';
import { tableText } from '../table-text.ts';
import { untilAborted } from '../until-aborted.ts';

const PROGRESS_MS = 200;

export const run: Command = {
  name: 'run',
  usage: '[project] --until-idle [flags]',
  wordsMax: 1,
  summary: 'Read bounded input to its end, print the result tables, and exit',
  flags: {
    'until-idle': { type: 'boolean', help: 'end when everything has been read; without it, run until Ctrl-C' },
    rebuild: { type: 'boolean', help: 'build pipelines anew that were changed since they last ran' },
    rows: { type: 'integer', value: 'n', help: 'rows of each table that are printed', default: 20 },
  },
  handsOnOptions: true,
  examples: [
    { line: 'headrace run examples/rides --until-idle', does: 'a file, from its beginning to its end' },
    { line: 'headrace run examples/rides --until-idle --json --rows 100000', does: 'all rows, for a program' },
  ],
  async run(context) {
    const projectDir = projectDirOf(context);
    const untilIdle = context.flags['until-idle'] === true;
    const app = await launch({
      projectDir,
      flags: context.options,
      env: context.env,
      until: untilIdle ? 'idle' : 'stopped',
      rebuild: context.flags.rebuild === true,
    });
    try {
      return untilIdle
        ? await toTheEnd(app, context)
        : await untilAborted(context.signal, app.failed).then(() => EXIT.ok);
    } finally {
      await app.stop();
    }
  },
};

async function toTheEnd(app: RunningApp, context: CommandContext): Promise<ExitCode> {
  const progress = new Progress(context.terminal);
  const timer = setInterval(() => progress.show(`${countText(lagOf(app))} records left`), PROGRESS_MS);
  // What waits for Ctrl-C keeps the process alive: it must end with the wait.
  const ended = new AbortController();
  try {
    await Promise.race([app.idle(), untilAborted(AbortSignal.any([context.signal, ended.signal]))]);
  } finally {
    ended.abort();
    clearInterval(timer);
    progress.clear();
  }
  if (context.signal.aborted) return EXIT.ok;
  const failed = app.pipelines().find((running) => running.status().state === 'failed');
  if (failed !== undefined) {
    const { name, error } = failed.status();
    throw (
      error ??
      new CliError(EXIT.failed, 'CLI_PIPELINE_FAILED', `running pipeline ${name}: it failed`, 'see the log above')
    );
  }
  printTables(app, context);
  tellDeadLetters(app, context);
  return EXIT.ok;
}

/** Nothing is left out in silence: on stderr, since it is no part of the result. */
function tellDeadLetters({ parts: { log } }: RunningApp, { terminal }: CommandContext): void {
  if (log.topic(DEAD_LETTER_TOPIC) === undefined) return;
  const { logStart, highWatermark } = log.bounds(DEAD_LETTER_TOPIC, 0);
  const [newest] = newestRecords(log, DEAD_LETTER_TOPIC, 1);
  if (newest === undefined) return;
  const { reason, message } = JSON.parse(newest.value ?? '{}') as DeadLetter;
  const count = countText(highWatermark - logStart);
  terminal.err(`dead letters: ${count}, the newest: ${reason}: ${message}; "headrace start", then "headrace dlq"\n`);
}

function lagOf(app: RunningApp): number {
  return app.pipelines().reduce((sum, running) => sum + running.status().lagRecords, 0);
}

function printTables(app: RunningApp, { terminal, flags, json }: CommandContext): void {
  const limit = Number(flags.rows);
  for (const { name } of app.pipelines().flatMap(({ pipeline }) => pipeline.outputs)) {
    const table = app.parts.tables.get(name);
    if (table === undefined) continue;
    const rows: JsonRow[] = [];
    for (const row of table.rows()) {
      if (rows.length >= limit) break;
      rows.push(row);
    }
    if (json) {
      terminal.out(`${jsonText({ table: name, size: table.size, rows })}\n`);
      continue;
    }
    const columns = table.columns.map((column) => column.name);
    terminal.out(`\n${styled(terminal, 'bold', name)}: ${table.size} rows\n`);
    const cells = rows.map((row) => columns.map((column) => row[column]));
    terminal.out(tableText(columns, cells, terminal.width));
    if (table.size > rows.length) terminal.out(`... and ${table.size - rows.length} more (--rows shows more)\n`);
  }
}
