import { expect, it } from 'vitest';
import { outputNode, pipelineOf, sourceNode } from './factory.ts';
import type { Pipeline } from './node.ts';
import { inDataflowOrder } from './pipeline-order.ts';
import { TYPE } from './type-name.ts';

function pipeline(name: string, reads: string, writes: string): Pipeline {
  const columns = [{ name: 'id', type: TYPE.text, nullable: true, path: ['id'] }];
  const source = sourceNode({ name: reads, topic: reads, columns, watermark: undefined });
  const emit = { kind: 'updates' } as const;
  const output = outputNode({ name: writes, topic: writes, input: source, mode: 'append', keys: [], emit });
  return pipelineOf({ name, outputs: [output], sinks: [], alerts: [], modules: [], sources: [source] });
}

const names = (pipelines: readonly Pipeline[]): string[] =>
  inDataflowOrder(pipelines, (item) => item).map(({ name }) => name);

it('puts a pipeline after those whose views it reads', () => {
  expect(names([pipeline('c', 'y', 'z'), pipeline('b', 'x', 'y'), pipeline('a', 'in', 'x')])).toEqual(['a', 'b', 'c']);
});

it('changes nothing where it need not', () => {
  expect(names([pipeline('b', 'in', 'x'), pipeline('a', 'in', 'y')])).toEqual(['b', 'a']);
});

it('ends when pipelines read each other', () => {
  expect(names([pipeline('a', 'x', 'y'), pipeline('b', 'y', 'x')]).sort()).toEqual(['a', 'b']);
});
