import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** A secret is a password or a key; what is larger was named by mistake. */
export const SECRET_FILE_BYTES_MAX = 64 * 1024;

/** Reads the files that `<secret>_file` names, relative to a project's folder. @throws Error that says what is wrong */
export function secretFileReader(projectDir: string): (path: string) => string {
  return (path) => {
    const file = resolve(projectDir, path);
    const stat = statSync(file);
    if (!stat.isFile()) throw new Error('it is not a file');
    if (stat.size > SECRET_FILE_BYTES_MAX) {
      throw new Error(`it has ${stat.size} bytes, a secret at most ${SECRET_FILE_BYTES_MAX}`);
    }
    const text = readFileSync(file, 'utf8');
    if (text.trim() === '') throw new Error('it is empty');
    return text;
  };
}
