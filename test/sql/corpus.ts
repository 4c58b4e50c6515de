import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CorpusFile, parseCorpusFile } from './corpus-file.ts';

const FOLDER = join(process.cwd(), 'test/sql/corpus');
const ENDING = '.test';

export const corpusPath = (name: string): string => join(FOLDER, `${name}${ENDING}`);

/** The files of the corpus, or those that are named (without their ending). */
export function corpusFiles(names: readonly string[] = []): readonly CorpusFile[] {
  const all = readdirSync(FOLDER)
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .sort();
  const chosen = names.length === 0 ? all : names;
  return chosen.map((name) => parseCorpusFile(name, readFileSync(corpusPath(name), 'utf8')));
}
