import { DEAD_LETTER_TOPIC } from '../ingest/ingest.ts';
import type { DataType } from '../plan/data-type.ts';
import type { SourceColumn, SourceNode } from '../plan/node.ts';

const column = (name: string, kind: 'text' | 'int4' | 'int8', path: string = name): SourceColumn => ({
  name,
  type: { kind } as DataType,
  nullable: true,
  path: [path],
});

/** Topics of the system that can be queried by their fields. `received_at` is milliseconds since the Unix epoch. */
export const SYSTEM_SOURCES: readonly Pick<SourceNode, 'name' | 'topic' | 'columns'>[] = [
  {
    name: DEAD_LETTER_TOPIC,
    topic: DEAD_LETTER_TOPIC,
    columns: [
      column('topic', 'text'),
      column('partition', 'int4'),
      column('offset', 'int8'),
      column('reason', 'text'),
      column('pointer', 'text'),
      column('message', 'text'),
      column('pipeline', 'text'),
      column('operator', 'text'),
      column('received_at', 'int8', 'receivedAt'),
      column('value', 'text'),
      column('base64', 'text'),
    ],
  },
];
