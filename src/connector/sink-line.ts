import type { TopicKind } from '../log/log.ts';
import type { SinkRecord } from './sink-target.ts';

/** `plain`: the row; `changes`: `{"op":"upsert"|"delete"|"append","key":...,"row":...}`. */
export type RowForm = 'plain' | 'changes';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;

/** What `auto` comes to: plain where every record is a row of its own. */
export function rowForm(rows: RowForm | 'auto', topic: TopicKind): RowForm {
  if (rows !== 'auto') return rows;
  return topic === 'append' ? 'plain' : 'changes';
}

/** The record as one line of JSON without its end; undefined when the form has none for it. */
export function sinkLine({ key, value }: SinkRecord, form: RowForm, topic: TopicKind): Uint8Array | undefined {
  if (form === 'plain') return value === null ? undefined : oneLine(value);
  const op = value === null ? 'delete' : topic === 'append' ? 'append' : 'upsert';
  const keyText = key === null ? null : Buffer.from(key).toString('utf8');
  const head = Buffer.from(`{"op":"${op}","key":${JSON.stringify(keyText)},"row":`);
  return Buffer.concat([head, value === null ? Buffer.from('null') : oneLine(value), Buffer.from('}')]);
}

/** In JSON a line break can only be white space between tokens: a space means the same. */
function oneLine(json: Uint8Array): Uint8Array {
  if (!json.includes(NEWLINE) && !json.includes(RETURN)) return json;
  return json.map((byte) => (byte === NEWLINE || byte === RETURN ? SPACE : byte));
}
