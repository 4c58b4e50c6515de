import { resolve } from 'node:path';
import type { TopicDeclaration } from '../../app/topic-setup.ts';
import { SERVER_FLAGS } from '../api-client.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { explainRunning } from '../explain-running.ts';

const WHO = {
  kernel: 'the kernel, at full speed',
  fallback: 'the full validator',
  annotation: 'nobody: an annotation',
} as const;

export const explain: Command = {
  name: 'explain',
  usage: '[project] [flags]',
  wordsMax: 1,
  summary: 'Show the plan of each pipeline, and what checks each part of a schema',
  description:
    'Compiles the project without running it; with --analyze or --why asks the running one. An expression runs as WebAssembly or in the interpreter; a keyword of a JSON Schema is checked by the kernel, at full speed, or by the full validator, over the parsed value.',
  flags: {
    analyze: { type: 'boolean', help: 'of the running pipelines: rows, time and state of each operator' },
    why: { type: 'boolean', help: 'of the running pipelines: what windows and joins wait for' },
    ...SERVER_FLAGS,
  },
  examples: [
    { line: 'headrace explain', does: 'the project here' },
    { line: 'headrace explain app --json', does: 'for a program' },
    { line: 'headrace explain --analyze', does: 'where the time goes, and the memory' },
    { line: 'headrace explain --why', does: 'which partition keeps a window open' },
  ],
  async run(context) {
    const { cwd, words, env, terminal, json, flags } = context;
    if (flags.analyze === true || flags.why === true) return explainRunning(context);
    const { loadProject } = await import('../../app/project.ts');
    const { explainPipeline } = await import('../../engine/explain.ts');
    const project = await loadProject(resolve(cwd, words[0] ?? '.'), { env, flags: {} });
    const { planWarnings, warningText } = await import('../../plan/plan-warning.ts');
    const pipelines = project.pipelines.map((pipeline) => ({
      name: pipeline.name,
      plan: explainPipeline(pipeline, project.options.engineWorkers),
      warnings: planWarnings(pipeline).map(warningText),
    }));
    const topics = await schemaParts(project.topics);
    if (json) {
      terminal.out(`${JSON.stringify({ pipelines, topics })}\n`);
      return EXIT.ok;
    }
    for (const { plan, warnings } of pipelines) {
      terminal.out(`${plan}\n\n`);
      for (const warning of warnings) terminal.out(`warning: ${warning}\n\n`);
    }
    for (const { name, parts } of topics) {
      terminal.out(`schema of topic ${name}\n`);
      for (const { pointer, runs } of parts) terminal.out(`  ${pointer}: ${WHO[runs]}\n`);
    }
    return EXIT.ok;
  },
};

async function schemaParts(topics: readonly TopicDeclaration[]) {
  const { compileSchema } = await import('../../schema/topic-schema.ts');
  return topics
    .filter(({ schema }) => schema !== undefined)
    .map(({ name, schema }) => ({ name, parts: compileSchema(schema, `of topic ${name}`).explain() }));
}
