import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { examplesOf, exportsOf, moduleOf } from './example.ts';
import { blocksOf } from './page.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Two levels below the root: the examples import from there. */
const FOLDER = join(ROOT, 'dist', '.examples');

/** What examples take for granted. */
const PRELUDES: Readonly<Record<string, string>> = {
  Kernel: "import { Kernel } from '../../src/kernel/kernel.ts';",
  Buffer: "import { Buffer } from 'node:buffer';",
  utf8: 'const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);',
  t: "import { t } from '../../src/builder/column-type.ts';",
  count: "import { count } from '../../src/builder/aggregate.ts';",
  avg: "import { avg } from '../../src/builder/aggregate.ts';",
  stringAgg: "import { stringAgg } from '../../src/builder/gathering-aggregate.ts';",
  lastValue: "import { lastValue } from '../../src/builder/gathering-aggregate.ts';",
  desc: "import { desc } from '../../src/builder/sort-order.ts';",
  asc: "import { asc } from '../../src/builder/sort-order.ts';",
  source: "import { source } from '../../src/builder/stream.ts';",
  pipeline: "import { pipeline } from '../../src/builder/pipeline.ts';",
  clicks:
    "import { t as types } from '../../src/builder/column-type.ts'; import { source as sourceOf } from '../../src/builder/stream.ts'; const clicks = sourceOf('clicks', { columns: { time: types.timestamptz().notNull(), page: types.text().notNull(), bytes: types.int8().notNull() }, watermark: { column: 'time' } });",
  catalog:
    "import { TYPE } from '../../src/plan/type-name.ts'; const catalog = new Map([['requests_1m', [{ name: 'section', type: TYPE.text, nullable: false }, { name: 'requests', type: TYPE.int8, nullable: false }]]]);",
};

/** Examples of the inside that need a process around them: the tests beside them show the same, at length. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'src/log/open.ts': 'opens a log in the present folder',
  'src/protocol/http/door.ts': 'takes a port and services',
  'src/engine/host.ts': 'takes a log and a pipeline',
  'src/serving/tables.ts': 'takes a log and an output',
  'src/serving/live.ts': 'follows for ever',
  'src/base/error.ts': 'throws',
  'src/testing/pipeline-test.ts':
    'takes a file; docs/how-to/test-a-pipeline.md shows the same, and src/testing runs it',
};

const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter(
    (name) => name.endsWith('.ts') && !/\.(test|fixture|bench|fuzz)\.ts$/.test(name) && !name.includes('assembly'),
  )
  .map((name) => `src/${name}`);
const examples = files.flatMap((file) => {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return examplesOf(file, text).map((example, index) => ({
    ...example,
    module: `${file.replace(/[/.]/g, '-')}-${index}.ts`,
    code: moduleOf(example, exportsOf(text), PRELUDES),
  }));
});
const run = examples.filter(({ file }) => !(file in NOT_RUN));

const pages = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((n) => `docs/${n}`),
];
const blocks = pages
  .filter((page) => page.endsWith('.md'))
  .flatMap((page) =>
    blocksOf(readFileSync(join(ROOT, page), 'utf8'))
      .filter(({ language }) => language === 'ts')
      .map(({ text, line }) => ({ module: `${page.replace(/[/.]/g, '-')}-${line}.ts`, code: `${text}\nexport {};\n` })),
  );

beforeAll(() => {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  for (const { module, code } of [...run, ...blocks]) writeFileSync(join(FOLDER, module), code);
  const own = (path: string): string[] => [join(ROOT, 'src', path)];
  const compilerOptions = { paths: { headrace: own('builder/index.ts'), 'headrace/testing': own('testing/index.ts') } };
  writeFileSync(
    join(FOLDER, 'tsconfig.json'),
    JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'], exclude: [] }),
  );
});

const check = {
  equals: (actual: unknown, wanted: unknown) => expect(actual).toEqual(wanted),
  shows(actual: unknown, text: string) {
    const shown = typeof actual === 'string' ? actual : JSON.stringify(actual);
    for (const part of text.split('...').map((piece) => piece.trim())) expect(shown).toContain(part);
  },
};

describe('the examples', () => {
  it('of docstrings and pages are what the compiler takes', () => {
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const { stdout } = spawnSync(process.execPath, [tsc, '--noEmit', '-p', join(FOLDER, 'tsconfig.json')], {
      encoding: 'utf8',
    });
    expect(stdout.split('\n').filter((line) => line.includes('.examples'))).toEqual([]);
  }, 60_000);

  it.each(run.map((example) => [example.place, example] as const))(
    'of docstrings run: %s',
    async (_place, { module }) => {
      const loaded = (await import(join(FOLDER, module))) as { run: (checks: typeof check) => Promise<void> };
      await loaded.run(check);
    },
  );

  it.each(['src/builder/index.ts', 'src/testing/index.ts'])(
    '%s: every function that users import is explained',
    (index) => {
      const exported = readFileSync(join(ROOT, index), 'utf8').matchAll(/^export \{([^}]*)\} from '\.\/(.*)';$/gm);
      const unexplained = [...exported].flatMap(([, names = '', file = '']) => {
        const text = readFileSync(join(ROOT, index, '..', file), 'utf8');
        const values = names
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== '' && !name.startsWith('type '));
        return values.filter(
          (name) => !new RegExp(`\\*/\nexport (async )?(function|class|const) ${name}\\b`).test(text),
        );
      });
      expect(unexplained).toEqual([]);
    },
  );

  it('that are not run are still there', () => {
    expect(Object.keys(NOT_RUN).filter((file) => !examples.some((example) => example.file === file))).toEqual([]);
  });
});
