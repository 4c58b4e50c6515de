import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { explain } from '../plan/explain.ts';
import { deserializePipeline, planHash, serializePipeline } from '../plan/pipeline-text.ts';
import { compilePipeline } from './statement/pipeline-compiler.ts';

const example = (path: string): string => readFileSync(new URL(`../../examples/${path}`, import.meta.url), 'utf8');

describe.each([
  ['web-traffic', 'web-traffic/pipelines/web-traffic.sql'],
  ['rides', 'rides/pipelines/rides.sql'],
])('the pipeline of example %s', (name, file) => {
  it('compiles, and comes back from its text as it was', async () => {
    const pipeline = await compilePipeline(example(file), { name, file });

    const copy = deserializePipeline(serializePipeline(pipeline));

    expect(planHash(copy)).toBe(planHash(pipeline));
    expect(explain(copy)).toBe(explain(pipeline));
    expect(explain(pipeline)).toMatchSnapshot();
  });
});
