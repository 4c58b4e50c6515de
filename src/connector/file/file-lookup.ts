import { readFile, stat } from 'node:fs/promises';
import { option } from '../../base/config/option.ts';
import { messageOf } from '../../base/error.ts';
import { type ExactJson, elementsOf, parseExactly } from '../../plan/value/exact-json.ts';
import { LOOKUP_OPTIONS } from '../lookup/lookup-options.ts';
import {
  foundInJson,
  type LookupFound,
  type LookupKey,
  type LookupSource,
  type LookupTarget,
} from '../lookup/lookup-source.ts';

/** Options of a look-up in a file: `CREATE LOOKUP ... WITH (connector = 'file', ...)`. */
export const FILE_LOOKUP_OPTIONS = {
  path: option.path({
    name: 'path',
    fallback: undefined,
    help: 'File with one JSON object a line, or one JSON array of them; relative to the project.',
  }),
  ...LOOKUP_OPTIONS,
} as const;

const FILE_BYTES_MAX = 256 * 1024 * 1024;

/** Looks up rows of a file, which is read again when it has changed. Of rows with one key the last counts. */
export class FileLookupSource implements LookupSource {
  readonly batchMax = 10_000;
  readonly #path: string;
  readonly #target: LookupTarget;
  /** Of each key column, how it is read. */
  readonly #keys: LookupTarget;
  #version = '';
  #rows: ReadonlyMap<string, ExactJson> = new Map();

  constructor(path: string, target: LookupTarget) {
    this.#path = path;
    this.#target = target;
    const own = target.keyNames.map((name, at) => {
      const found = target.found.find((column) => column.name === name);
      return found ?? { name, type: target.keyTypes[at]!, nullable: true, path: [name] };
    });
    this.#keys = { ...target, found: own, keyNames: [] };
  }

  async fetch(keys: readonly LookupKey[], signal: AbortSignal): Promise<readonly LookupFound[]> {
    await this.#refresh(signal);
    return keys.map((key) => {
      const row = this.#rows.get(JSON.stringify(key));
      return row === undefined ? undefined : foundInJson(row, this.#target, key);
    });
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const { mtimeMs, size } = await stat(this.#path);
    const version = `${mtimeMs} ${size}`;
    if (version === this.#version) return;
    if (size > FILE_BYTES_MAX) throw new Error(`reading ${this.#path}: it is larger than ${FILE_BYTES_MAX} bytes`);
    this.#rows = this.#index(await readFile(this.#path, { encoding: 'utf8', signal }));
    this.#version = version;
  }

  #index(text: string): ReadonlyMap<string, ExactJson> {
    const rows = new Map<string, ExactJson>();
    rowsOf(text, this.#path).forEach((row, at) => {
      try {
        rows.set(JSON.stringify(foundInJson(row, this.#keys, [])), row);
      } catch (error) {
        throw new Error(`reading ${this.#path}, row ${at + 1}: ${messageOf(error)}`);
      }
    });
    return rows;
  }

  async close(): Promise<void> {
    this.#rows = new Map();
  }
}

function rowsOf(text: string, path: string): readonly ExactJson[] {
  if (text.trimStart().startsWith('[')) return elementsOf(parsed(text, path, 1));
  return text.split('\n').flatMap((line, at) => (line.trim() === '' ? [] : [parsed(line, path, at + 1)]));
}

function parsed(text: string, path: string, line: number): ExactJson {
  try {
    return parseExactly(text);
  } catch {
    throw new Error(`reading ${path}:${line}: it is not JSON`);
  }
}
