import { describe, expect, it } from 'vitest';
import { pipelineWorkers } from './pipeline-workers.ts';

describe('the workers of single pipelines', () => {
  it('are told by name', () => {
    expect(pipelineWorkers(['traffic=2', 'a=b=12'])).toEqual(
      new Map([
        ['traffic', 2],
        ['a=b', 12],
      ]),
    );
  });

  it.each(['traffic', 'traffic=', '=2', 'traffic=0', 'traffic=65', 'traffic=two'])('are refused as %s', (text) => {
    expect(() => pipelineWorkers([text])).toThrow(/reading engine\.pipeline_workers/);
  });
});
