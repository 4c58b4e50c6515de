import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compilePipeline } from '../../src/sql/statement/pipeline-compiler.ts';
import { type Block, blocksOf } from './page.ts';
import { missingTool, PageRun } from './page-run.ts';
import { SKIPPED_BLOCKS } from './skipped-blocks.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SHELL = new Set(['sh', 'bash', 'shell', 'console']);
/** A block without a language is a drawing, unless it begins as a command does. */
const COMMAND = /^\$? ?(npx|npm|node|headrace|curl|git|docker|cd) /;

const isShell = ({ language, text }: Block): boolean => SHELL.has(language) || (language === '' && COMMAND.test(text));

const pages = ['README.md', 'CONTRIBUTING.md', ...markdownIn('docs')].map((page) => {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return { page, text, blocks: blocksOf(text) };
});
const needsServer = (blocks: readonly Block[]): boolean => blocks.some(({ marks }) => marks.includes('needs-postgres'));
const runnable = pages.filter(
  ({ blocks }) => blocks.some(({ marks }) => marks.includes('run')) && !needsServer(blocks),
);

function markdownIn(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.md')).map((name) => `${folder}/${name}`);
}

const missing = missingTool();
if (missing !== undefined) console.warn(`the commands of the pages are not run: there is no ${missing}`);

describe.skipIf(missing !== undefined)('the commands of', () => {
  it.concurrent.each(runnable)(
    '$page work as printed',
    async ({ blocks }) => {
      const run = await PageRun.open();
      try {
        await run.run(blocks);
      } finally {
        await run.close();
      }
    },
    120_000,
  );
});

describe('the pages', () => {
  it.each(pages)('$page: SQL that is printed compiles', async ({ blocks }) => {
    const texts = blocks.filter(({ language, marks }) => language === 'sql' && !marks.includes('query'));
    for (const block of joined(texts))
      await compilePipeline(block, { name: 'page', loadModule: () => ({ hash: 'h', code: '' }) });
  });

  it('have no command that is neither run nor skipped with a reason', () => {
    const open = pages.flatMap(({ page, blocks }) =>
      blocks
        .filter((block) => isShell(block) && !block.marks.includes('run'))
        .filter((block) => !SKIPPED_BLOCKS.some((skip) => skip.page === page && block.text.startsWith(skip.begins)))
        .map(({ line, text }) => `${page}:${line}: ${text.split('\n')[0]}`),
    );
    expect(open).toEqual([]);
  });

  it('have every block that is skipped', () => {
    const stale = SKIPPED_BLOCKS.filter(
      (skip) =>
        !pages.some(({ page, blocks }) => page === skip.page && blocks.some((b) => b.text.startsWith(skip.begins))),
    );
    expect(stale).toEqual([]);
  });

  it.each(pages)('$page: links lead somewhere', ({ page, text }) => {
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map((match) => match[1]!)
      .filter((to) => !/^https?:|^#/.test(to));
    const broken = targets.filter((to) => {
      const [path = '', anchor] = to.split('#');
      return !anchorsOf(resolve(ROOT, dirname(page), path)).some((name) => anchor === undefined || name === anchor);
    });
    expect(broken).toEqual([]);
  });
});

/** A block marked `more` goes on where the one before it ended. */
function joined(blocks: readonly Block[]): string[] {
  const texts: string[] = [];
  for (const { marks, text } of blocks) {
    if (marks.includes('more')) texts.push(`${texts.pop() ?? ''}\n${text}`);
    else texts.push(text);
  }
  return texts;
}

/** Anchors of a page as GitHub makes them, and one more for the page itself; empty when there is no such file. */
function anchorsOf(path: string): string[] {
  try {
    if (!path.endsWith('.md')) {
      readdirSync(dirname(path));
      return readdirSync(dirname(path)).some((name) => join(dirname(path), name) === path) ? [''] : [];
    }
    const headings = [...readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm)].map((match) => match[1]!);
    return [
      '',
      ...headings.map((text) =>
        text
          .toLowerCase()
          .replace(/[^\p{L}\p{N} _-]/gu, '')
          .replaceAll(' ', '-'),
      ),
    ];
  } catch {
    return [];
  }
}
