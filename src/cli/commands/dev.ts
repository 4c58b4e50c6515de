import { HeadraceError } from '../../base/error.ts';
import { bannerText, readyJson } from '../banner.ts';
import type { Command, CommandContext } from '../command.ts';
import { errorText } from '../error-text.ts';
import { EXIT } from '../exit-code.ts';
import { FolderWatch } from '../folder-watch.ts';
import { launch, type RunningApp } from '../launch.ts';
import { styled } from '../output.ts';
import { projectDirOf } from '../project-dir.ts';
import { untilAborted } from '../until-aborted.ts';

/** An editor's save is several events; this much silence ends it. */
const SETTLE_MS = 80;

export const dev: Command = {
  name: 'dev',
  usage: '[project] [flags]',
  wordsMax: 1,
  summary: 'Run a project and apply every save',
  description:
    'A save is applied within a second. After a bad edit the last good version runs on, and the mistake is shown with its line and column.',
  flags: {},
  handsOnOptions: true,
  examples: [{ line: 'headrace dev', does: 'the project in this folder; edit pipelines/*.sql and save' }],
  async run(context) {
    const { terminal, signal, env } = context;
    const projectDir = projectDirOf(context);
    const began = performance.now();
    const app = await launch({ projectDir, flags: context.options, env, until: 'stopped', rebuild: true });
    try {
      const applier = new SaveApplier(app, context);
      const watcher = new FolderWatch(projectDir, (file) => applier.changed(file));
      const elapsedMs = performance.now() - began;
      terminal.out(context.json ? readyJson(app, elapsedMs) : bannerText(app, elapsedMs, terminal));
      await untilAborted(signal, app.failed);
      watcher.close();
      await applier.settled();
    } finally {
      await app.stop();
    }
    return EXIT.ok;
  },
};

/** Applies saves in their order; what is saved at once is applied together. */
export class SaveApplier {
  readonly #app: Pick<RunningApp, 'apply'>;
  readonly #context: Pick<CommandContext, 'terminal' | 'json' | 'env'>;
  readonly #changed = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #applying: Promise<unknown> = Promise.resolve();

  constructor(app: Pick<RunningApp, 'apply'>, context: Pick<CommandContext, 'terminal' | 'json' | 'env'>) {
    this.#app = app;
    this.#context = context;
  }

  changed(file: string): void {
    this.#changed.add(file);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // Not after the one before: what that one builds may take long, and is given up when it is not wanted any more.
      const applied = this.#apply();
      this.#applying = Promise.all([this.#applying, applied]);
    }, SETTLE_MS);
  }

  async settled(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#applying;
  }

  async #apply(): Promise<void> {
    const files = [...this.#changed];
    this.#changed.clear();
    if (files.length === 0) return;
    const { terminal, json } = this.#context;
    const began = performance.now();
    try {
      await this.#app.apply();
      const elapsedMs = Math.round(performance.now() - began);
      terminal.out(
        json
          ? `${JSON.stringify({ applied: files, elapsedMs })}\n`
          : `${styled(terminal, 'green', 'applied')} ${files.join(', ')} in ${elapsedMs} ms\n`,
      );
    } catch (error) {
      // A newer save has taken its place.
      if (error instanceof HeadraceError && error.code === 'ENGINE_BUILD_GIVEN_UP') return;
      terminal.err(errorText(error, json, this.#context));
      if (!json) terminal.err('The last good version runs on.\n');
    }
  }
}
