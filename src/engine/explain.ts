import { explain } from '../plan/explain.ts';
import type { Pipeline, PlanNode } from '../plan/node.ts';
import { BlockSink } from './exchange/block-sink.ts';
import { withExchanges } from './exchange/exchange-placement.ts';
import { planStages, type StagePlan, sourcesBelow } from './exchange/stage-plan.ts';
import { RecordSink } from './operator/record-sink.ts';
import { compilePipeline, type TaskPart, type Vertex } from './task/compile.ts';

/**
 * A pipeline as a tree of text, with who runs each expression: compiled code, the interpreter, or both by turns. On several workers also
 * where rows go from task to task, and the stages that come of it.
 */
export function explainPipeline(pipeline: Pipeline, workers = 1): string {
  if (workers === 1) return explain(pipeline, { notes: notesOf(verticesOf(pipeline)) });
  const exchanged = withExchanges(pipeline);
  const plan = planStages(exchanged, { workers, prefix: '', partitions: () => workers });
  const vertices = plan.stages.flatMap(({ index }) => verticesOf(exchanged, { plan, stage: index, task: 0 }));
  const reads = exchanged.outputs.flatMap((output) => sourcesBelow(output.input)).map(({ name }) => name);
  return [explain(exchanged, { notes: notesOf(vertices) }), ...stageLines(plan, [...new Set(reads)])].join('\n');
}

function verticesOf(pipeline: Pipeline, part?: TaskPart): readonly Vertex[] {
  const services = {
    expressions: { clockMs: () => 0, userFunction: () => () => null },
    sink: (topic: string) => new RecordSink(topic),
    blocks: () => new BlockSink('', []),
  };
  return compilePipeline(pipeline, services, part);
}

function notesOf(vertices: readonly Vertex[]): (node: PlanNode) => Vertex['expressions'] {
  const notes = new Map(vertices.map((vertex) => [vertex.node, vertex.expressions]));
  return (node) => notes.get(node) ?? [];
}

function stageLines({ stages, edges }: StagePlan, sources: readonly string[]): readonly string[] {
  return stages.map(({ index, tasks }) => {
    const from = [...new Set(edges.filter((edge) => edge.to === index).map((edge) => edge.from))];
    const input = index === 0 ? sources.join(', ') : from.map((stage) => `stage ${stage}`).join(' and ');
    const most = index === 0 && tasks > 1 ? ', no more than its sources have partitions' : '';
    return `stage ${index}: ${tasks} task${tasks === 1 ? '' : 's'}${most}; reads ${input}`;
  });
}
