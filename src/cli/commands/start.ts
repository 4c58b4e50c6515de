import { bannerText, readyJson } from '../banner.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { launch } from '../launch.ts';
import { projectDirOf } from '../project-dir.ts';
import { untilAborted } from '../until-aborted.ts';

export const start: Command = {
  name: 'start',
  usage: '[project] [flags]',
  wordsMax: 1,
  summary: 'Run a project until Ctrl-C',
  flags: { rebuild: { type: 'boolean', help: 'build pipelines anew that were changed since they last ran' } },
  handsOnOptions: true,
  examples: [
    { line: 'headrace start', does: 'the project in this folder' },
    { line: 'headrace start examples/web-traffic --http-port 9090', does: 'on another port' },
    { line: 'headrace start --rebuild', does: 'after an edit of a pipeline: from the start of its inputs' },
  ],
  async run(context) {
    const { terminal, signal, env } = context;
    const projectDir = projectDirOf(context);
    const began = performance.now();
    const app = await launch({
      projectDir,
      flags: context.options,
      env,
      until: 'stopped',
      rebuild: context.flags.rebuild === true,
    });
    const elapsedMs = performance.now() - began;
    try {
      terminal.out(context.json ? readyJson(app, elapsedMs) : bannerText(app, elapsedMs, terminal));
      await untilAborted(signal, app.failed);
      if (!context.json) terminal.err('stopping ...\n');
    } finally {
      await app.stop();
    }
    return EXIT.ok;
  },
};
