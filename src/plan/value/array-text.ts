import { evaluationError } from '../evaluation-error.ts';

/** PostgreSQL's text of an array (its manual, section 8.15.6): `{1,NULL,"a b"}`. Items of items are not quoted. */
export function formatArray(items: readonly unknown[], write: (item: unknown) => string, nested: boolean): string {
  const texts = items.map((item) => {
    if (item === null) return 'NULL';
    const text = write(item);
    if (nested) return text;
    const bare = text !== '' && !/[{}",\\\s]/.test(text) && text.toUpperCase() !== 'NULL';
    return bare ? text : `"${text.replace(/[\\"]/g, '\\$&')}"`;
  });
  return `{${texts.join(',')}}`;
}

/**
 * Reads it back; `read` is given the text of each item that is not NULL, of an inner array with its braces.
 * @throws HeadraceError `PLAN_INVALID_TEXT`
 */
export function parseArray(text: string, read: (item: string) => unknown, nested: boolean): readonly unknown[] {
  const body = text.trim();
  if (!body.startsWith('{') || !body.endsWith('}') || body.length < 2) throw malformed(text);
  const items: unknown[] = [];
  let at = 1;
  const blanks = (): void => {
    while (/\s/.test(body[at] ?? '')) at++;
  };
  blanks();
  if (body[at] === '}' && at === body.length - 1) return items;
  for (;;) {
    blanks();
    const item = nested && body[at] === '{' ? innerArray(body, at) : itemAt(body, at);
    if (item === undefined) throw malformed(text);
    items.push(item.text === null ? null : read(item.text));
    at = item.end;
    blanks();
    if (body[at] === '}' && at === body.length - 1) return items;
    if (body[at++] !== ',') throw malformed(text);
  }
}

interface Item {
  readonly text: string | null;
  readonly end: number;
}

function itemAt(body: string, start: number): Item | undefined {
  if (body[start] === '"') return quotedItem(body, start);
  let text = '';
  let at = start;
  for (; at < body.length && !/[,{}"]/.test(body[at]!); at++) {
    if (body[at] === '\\') at++;
    text += body[at] ?? '';
  }
  const trimmed = text.trimEnd();
  if (trimmed === '' || body[at] === '{' || body[at] === '"') return undefined;
  return { text: trimmed.toUpperCase() === 'NULL' ? null : trimmed, end: at };
}

function quotedItem(body: string, start: number): Item | undefined {
  let text = '';
  for (let at = start + 1; at < body.length; at++) {
    if (body[at] === '"') return { text, end: at + 1 };
    if (body[at] === '\\') at++;
    text += body[at] ?? '';
  }
  return undefined;
}

function innerArray(body: string, start: number): Item | undefined {
  let depth = 0;
  let isQuoted = false;
  for (let at = start; at < body.length; at++) {
    const unit = body[at];
    if (unit === '\\') at++;
    else if (unit === '"') isQuoted = !isQuoted;
    else if (!isQuoted && unit === '{') depth++;
    else if (!isQuoted && unit === '}' && --depth === 0) return { text: body.slice(start, at + 1), end: at + 1 };
  }
  return undefined;
}

function malformed(text: string): Error {
  return evaluationError('PLAN_INVALID_TEXT', `malformed array literal: "${text.slice(0, 200)}"`);
}
