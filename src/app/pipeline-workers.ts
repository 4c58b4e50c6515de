import { HeadraceError } from '../base/error.ts';

/** As of `engine.workers`. */
const WORKERS_MAX = 64;

/** What `engine.pipeline_workers` says, by pipeline. @throws HeadraceError `CONFIG_VALUE_INVALID` */
export function pipelineWorkers(texts: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    texts.map((text) => {
      const at = text.lastIndexOf('=');
      const workers = /^\d+$/.test(text.slice(at + 1)) ? Number(text.slice(at + 1)) : 0;
      if (at <= 0 || workers < 1 || workers > WORKERS_MAX) throw invalid(text);
      return [text.slice(0, at), workers] as const;
    }),
  );
}

function invalid(text: string): HeadraceError {
  return new HeadraceError(`reading engine.pipeline_workers: "${text}" does not say how many workers a pipeline has`, {
    code: 'CONFIG_VALUE_INVALID',
    domain: 'config',
    next: `write NAME=NUMBER, with a number from 1 to ${WORKERS_MAX}, such as traffic=2`,
  });
}
