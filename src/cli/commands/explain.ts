import { resolve } from 'node:path';
import type { TopicDeclaration } from '../../app/topic-setup.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';

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
    'Compiles the project without running it. An expression runs as WebAssembly or in the interpreter; a keyword of a JSON Schema is checked by the kernel, at full speed, or by the full validator, over the parsed value.',
  flags: {},
  examples: [
    { line: 'headrace explain', does: 'the project here' },
    { line: 'headrace explain app --json', does: 'for a program' },
  ],
  async run({ cwd, words, env, terminal, json }) {
    const { loadProject } = await import('../../app/project.ts');
    const { explainPipeline } = await import('../../engine/explain.ts');
    const project = await loadProject(resolve(cwd, words[0] ?? '.'), { env, flags: {} });
    const pipelines = project.pipelines.map((pipeline) => ({ name: pipeline.name, plan: explainPipeline(pipeline) }));
    const topics = await schemaParts(project.topics);
    if (json) {
      terminal.out(`${JSON.stringify({ pipelines, topics })}\n`);
      return EXIT.ok;
    }
    for (const { plan } of pipelines) terminal.out(`${plan}\n\n`);
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
