import { explain } from '../plan/explain.ts';
import type { Pipeline } from '../plan/node.ts';
import { RecordSink } from './operator/record-sink.ts';
import { compilePipeline } from './task/compile.ts';

/** A pipeline as a tree of text, with who runs each expression: compiled code, the interpreter, or both by turns. */
export function explainPipeline(pipeline: Pipeline): string {
  const vertices = compilePipeline(pipeline, {
    expressions: { clockMs: () => 0, userFunction: () => () => null },
    sink: (topic) => new RecordSink(topic),
  });
  const notes = new Map(vertices.map((vertex) => [vertex.node, vertex.expressions]));
  return explain(pipeline, { notes: (node) => notes.get(node) ?? [] });
}
