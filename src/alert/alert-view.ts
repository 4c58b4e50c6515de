import type { Column } from '../plan/data-type.ts';
import type { OutputNode } from '../plan/node.ts';
import { TYPE } from '../plan/type-name.ts';
import { ALERT_TOPIC } from './alert.ts';

const column = (name: string, type: Column['type'], nullable = false): Column => ({ name, type, nullable });

/** The fields of {@link Alert}; times are milliseconds since the Unix epoch. */
const ALERT_COLUMNS: readonly Column[] = [
  column('id', TYPE.text),
  column('rule', TYPE.text),
  column('view', TYPE.text),
  column('state', TYPE.text),
  column('severity', TYPE.text),
  column('summary', TYPE.text),
  column('keys', TYPE.jsonb),
  column('row', TYPE.jsonb),
  column('pendingSince', TYPE.int8),
  column('firingSince', TYPE.int8, true),
  column('resolvedAt', TYPE.int8, true),
];

/** The topic of alerts as a view, so that it can be queried and watched like any other. */
export const ALERT_VIEW: OutputNode = {
  kind: 'output',
  name: ALERT_TOPIC,
  topic: ALERT_TOPIC,
  input: { kind: 'values', columns: ALERT_COLUMNS, rows: [] },
  mode: 'upsert',
  keys: [0],
  emit: { kind: 'updates' },
};
