import { expect, test } from 'vitest';
import { HeadraceError } from '../base/error.ts';
import type { Engine } from '../engine/engine.ts';
import type { Pipeline } from '../plan/node.ts';
import type { Project } from './project.ts';
import { ProjectRun, type ProjectRunOptions } from './project-run.ts';

const busy = new HeadraceError('changing pipeline "a": another change of it is under way', {
  code: 'ENGINE_PIPELINE_BUSY',
  domain: 'engine',
});

/** A project that declares nothing, over an engine that builds one pipeline. */
function projectRun(abandon: Engine['abandon']): ProjectRun {
  const pipeline = { name: 'a' } as Pipeline;
  const engine = { builds: () => [{ pipeline }], stored: () => [], pipelines: () => [], abandon };
  return new ProjectRun({ engine, changed: () => Promise.resolve() } as unknown as ProjectRunOptions);
}

const NOTHING = { pipelines: [] as readonly Pipeline[] } as Project;

/** Applies a project while another change is under way, which ends then. */
async function applyDuringChange(run: ProjectRun): Promise<unknown> {
  let end: () => void = () => {};
  const change = run.alone(() => new Promise<void>((resolve) => (end = resolve)));
  const applied = run.apply(NOTHING).catch((error: unknown) => error);
  // Long enough for an error that nobody has caught to end the process.
  await new Promise((resolve) => setImmediate(resolve));
  end();
  await change;
  return applied;
}

test('an edit while a pipeline is being changed waits for that change', async () => {
  expect(await applyDuringChange(projectRun(() => Promise.reject(busy)))).toEqual([]);
});

test('what cannot be given up is told to whoever applies, and to nobody else', async () => {
  const broken = new Error('broken');
  expect(await applyDuringChange(projectRun(() => Promise.reject(broken)))).toBe(broken);
});
