import { nearestName } from '../base/nearest-name.ts';
import { ApiClient } from './api-client.ts';
import { usageError } from './cli-error.ts';
import type { CommandContext } from './command.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { bytesText, countText } from './size-text.ts';
import { tableText } from './table-text.ts';

interface Running {
  readonly name: string;
  readonly state: string;
  readonly operators: readonly {
    readonly id: string;
    readonly label: string;
    readonly rowsIn: number;
    readonly rowsOut: number;
    readonly stateKeys: number;
    readonly stateBytes: number;
    readonly busyMs: number;
  }[];
  readonly waits: readonly {
    readonly operator: string;
    readonly reasons: readonly string[];
  }[];
}

/** `headrace explain --analyze | --why`: asks the running server; a word names one pipeline. */
export async function explainRunning(context: CommandContext): Promise<ExitCode> {
  const { words, flags, terminal, json, signal } = context;
  const { pipelines } = await ApiClient.of(context).json<{ readonly pipelines: readonly Running[] }>(
    '/api/v2/pipelines',
    signal,
  );
  const names = pipelines.map(({ name }) => name);
  const chosen = words[0] === undefined ? pipelines : pipelines.filter(({ name }) => name === words[0]);
  if (chosen.length === 0 && words[0] !== undefined) {
    const near = nearestName(words[0], names);
    throw usageError(
      `explaining "${words[0]}": no pipeline of this name is running`,
      near === undefined ? `there are ${names.join(', ') || 'none'}` : `did you mean "${near}"?`,
    );
  }
  if (json) {
    terminal.out(`${JSON.stringify({ pipelines: chosen })}\n`);
    return EXIT.ok;
  }
  for (const pipeline of chosen) {
    terminal.out(`pipeline ${pipeline.name} (${pipeline.state})\n`);
    if (flags.analyze === true) terminal.out(`${analysisText(pipeline, terminal.width)}\n`);
    if (flags.why === true) terminal.out(`${waitsText(pipeline)}\n`);
  }
  return EXIT.ok;
}

function analysisText({ operators }: Running, width: number | undefined): string {
  const total = operators.reduce((sum, { busyMs }) => sum + busyMs, 0);
  const share = (busyMs: number): string => `${total === 0 ? 0 : Math.round((busyMs * 100) / total)} %`;
  const rows = operators.map((operator) => [
    operator.id,
    countText(operator.rowsIn),
    countText(operator.rowsOut),
    `${countText(operator.busyMs)} ms`,
    share(operator.busyMs),
    countText(operator.stateKeys),
    bytesText(operator.stateBytes),
    operator.label,
  ]);
  return tableText(['operator', 'rows in', 'rows out', 'work', 'share', 'keys', 'state', 'what'], rows, width);
}

function waitsText({ waits }: Running): string {
  if (waits.length === 0) return '  nothing waits for event time\n';
  return waits
    .map(({ operator, reasons }) => [`  ${operator}`, ...reasons.map((reason) => `    ${reason}`), ''].join('\n'))
    .join('\n');
}
