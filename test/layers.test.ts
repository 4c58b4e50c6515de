import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const src = fileURLToPath(new URL('../src', import.meta.url));

/** ARCHITECTURE.md, section 2: a folder may import only folders above it. */
const LAYERS = [
  'base',
  'telemetry',
  'log',
  'schema',
  'security',
  'plan',
  'sql',
  'builder',
  'kernel',
  'engine',
  'backend',
  'delivery',
  'ingest',
  'connector',
  'serving',
  'alert',
  'protocol',
  'app',
  'testing',
  'cli',
] as const;

interface Arrow {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

function layerOf(path: string): string {
  return relative(src, path).split('/')[0] ?? '';
}

/** Relative imports of a file, static and dynamic, types included. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g)].map((match) =>
    resolve(dirname(file), match[1] ?? ''),
  );
}

function arrows(): Arrow[] {
  return sourceFiles(src)
    .filter((file) => layerOf(file) !== '' && !file.includes('/assembly/'))
    .flatMap((file) =>
      importsOf(file)
        .filter((target) => target.startsWith(src))
        .map((target) => ({ file: relative(src, file), from: layerOf(file), to: layerOf(target) })),
    );
}

describe('the layers', () => {
  it('know every folder of src', () => {
    const folders = readdirSync(src, { withFileTypes: true }).filter((e) => e.isDirectory());
    expect(folders.map((f) => f.name).filter((name) => !(LAYERS as readonly string[]).includes(name))).toEqual([]);
  });

  it('import only folders above them', () => {
    const rank = (layer: string) => (LAYERS as readonly string[]).indexOf(layer);
    const wrong = arrows().filter((arrow) => rank(arrow.to) > rank(arrow.from));
    expect(wrong.map((a) => `${a.file} imports ${a.to}`)).toEqual([]);
  });

  it('finds imports at all, so that it can fail', () => {
    expect(arrows().length).toBeGreaterThan(50);
  });
});
