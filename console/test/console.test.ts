import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MockServer } from '../mock/server.ts';
import { PAGES } from '../src/state/route.ts';
import { launchBrowser, layoutShift, problemsOf, whyNoBrowser } from './browser.ts';

const DIST = fileURLToPath(new URL('../../dist/console', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** All scripts and styles, compressed. */
const BUNDLE_BYTES_MAX = 150_000;
/** What search engines call good is 0.1; nothing at all may move here but by rounding. */
const LAYOUT_SHIFT_MAX = 0.01;

/** A running Headrace to test against; the test double of the API otherwise. */
const realUrl = process.env.HEADRACE_URL;
const missing = whyNoBrowser();
if (missing !== undefined) console.log(missing);

describe.skipIf(missing !== undefined)('console in a browser', () => {
  let browser: Browser;
  let server: MockServer | undefined;
  let url: string;

  beforeAll(async () => {
    if (!existsSync(join(DIST, 'index.html'))) throw new Error('the console is not built: run "npm run build" first');
    if (realUrl === undefined) server = await MockServer.start(DIST, { scenario: 'busy' });
    url = realUrl ?? server?.url ?? '';
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const open = async (base: string, page: string, colorScheme: 'light' | 'dark' = 'light') => {
    const opened = await browser.newPage({ viewport: { width: 1360, height: 900 }, colorScheme });
    const problems = problemsOf(opened);
    await opened.goto(`${base}/#/${page}`);
    await opened.getByRole('status').filter({ hasText: 'Live' }).first().waitFor();
    return { page: opened, problems };
  };

  for (const colorScheme of ['light', 'dark'] as const) {
    describe(`in ${colorScheme}`, () => {
      let page: Page;
      let problems: string[];
      beforeAll(async () => {
        ({ page, problems } = await open(url, 'topics', colorScheme));
      });
      afterAll(() => page.close());

      for (const info of PAGES) {
        it(`shows ${info.title}: accessible, still, without a complaint`, async () => {
          const shiftBefore = await layoutShift(page);
          await page.evaluate((name) => {
            location.hash = `#/${name}`;
          }, info.name);
          await page.getByRole('heading', { level: 1, name: info.title }).waitFor();
          await observed(page);
          expect((await layoutShift(page)) - shiftBefore).toBeLessThan(LAYOUT_SHIFT_MAX);
          expect(await violations(page)).toEqual([]);
          expect(problems).toEqual([]);
        });
      }
    });
  }

  it('reaches every page from the keyboard, and the page itself by the skip button', async () => {
    const { page } = await open(url, 'overview');
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to the page');
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
    for (const info of PAGES) {
      await page.keyboard.press('g');
      await page.keyboard.press(info.key);
      await page.getByRole('heading', { level: 1, name: info.title }).waitFor();
      await expect.poll(() => page.title()).toBe(`${info.title} · Headrace`);
      // The SQL box would take the next letters as text.
      await page.locator('#main').focus();
    }
    await page.close();
  });

  it('remembers the theme that was chosen', async () => {
    const { page, problems } = await open(url, 'overview', 'light');
    await page.getByRole('button', { name: 'Dark' }).click();
    await page.reload();
    await page.getByRole('button', { name: 'Light' }).waitFor();
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark');
    expect(problems).toEqual([]);
    await page.close();
  });

  describe.skipIf(realUrl !== undefined)('against the test double', () => {
    it('changes rows of a table as frames come in', async () => {
      const { page } = await open(url, 'tables/requests_1m');
      await page.locator('td.changed').first().waitFor();
      expect(await page.getByRole('img', { name: /requests by window_start, from/ }).count()).toBe(1);
      await page.close();
    });

    it('draws each operator and lets the keyboard choose one', async () => {
      const { page } = await open(url, 'pipeline/web-traffic');
      const operator = page.getByRole('button', { name: /^source requests/ });
      await operator.focus();
      await page.keyboard.press('Enter');
      await expect.poll(() => operator.getAttribute('aria-pressed')).toBe('true');
      await page.getByText('source:requests', { exact: true }).waitFor();
      await page.close();
    });

    it('answers a query, and points at the place of a mistake', async () => {
      const { page } = await open(url, 'sql');
      const box = page.getByRole('textbox', { name: 'SQL query' });
      await box.fill('SELECT section FROM requests_1m');
      await page.keyboard.press('Control+Enter');
      await page
        .getByRole('status')
        .filter({ hasText: /50 rows in 14 ms/ })
        .waitFor();
      await box.fill('SELECT *\nFROM requests_1m\nWHERE sectoin = 1');
      await page.keyboard.press('Control+Enter');
      await page.getByRole('button', { name: 'Go to line 3, column 7' }).click();
      expect(
        await box.evaluate((area: HTMLTextAreaElement) => area.value.slice(area.selectionStart, area.selectionEnd)),
      ).toBe('sectoin');
      expect(await violations(page)).toEqual([]);
      await page.close();
    });

    it('filters dead letters by reason and shows bytes that are not text as hex', async () => {
      const { page } = await open(url, 'dead-letters');
      await page.getByText('malformed17').click();
      const rows = page.getByRole('row');
      await page.getByText('The newest 17, newest first').waitFor();
      await expect.poll(() => rows.count()).toBe(18);
      await rows.nth(2).getByRole('button').click();
      await page.getByText('000000  ff fe 00 7b', { exact: false }).waitFor();
      await page.close();
    });

    it('says that the server is away, and comes back by itself', async () => {
      const first = await MockServer.start(DIST, { scenario: 'busy' });
      const { page } = await open(first.url, 'tables');
      const { port } = first;
      await first.close();
      await page.getByText(/Not connected: the server cannot be reached/).waitFor();
      const second = await MockServer.start(DIST, { scenario: 'busy' }, port);
      await page.getByText(/reconnected once/).waitFor();
      await page.locator('td.changed').first().waitFor();
      await page.close();
      await second.close();
    });

    describe('with nothing set up', () => {
      let empty: MockServer;
      beforeAll(async () => {
        empty = await MockServer.start(DIST, { scenario: 'empty' });
      });
      afterAll(() => empty.close());

      for (const [name, title] of [
        ['overview', 'The channel is dry'],
        ['pipeline', 'No pipeline runs'],
        ['tables', 'No table yet'],
        ['alerts', 'All quiet'],
        ['dead-letters', 'Nothing was refused'],
        ['topics', 'No topic yet'],
      ] as const) {
        it(`tells on ${name} what to do`, async () => {
          const { page, problems } = await open(empty.url, name);
          await page.getByRole('heading', { name: title }).waitFor();
          expect(await page.getByRole('button', { name: /^Copy: / }).count()).toBeGreaterThan(0);
          expect(await violations(page)).toEqual([]);
          expect(problems).toEqual([]);
          await page.close();
        });
      }
    });
  });

  it('stays small', () => {
    const folder = join(DIST, 'assets');
    const bytes = readdirSync(folder).reduce((sum, name) => sum + gzipSync(readFileSync(join(folder, name))).length, 0);
    expect(bytes).toBeLessThan(BUNDLE_BYTES_MAX);
  });
});

/** Two more observations have been drawn: what moves would have moved by then. */
async function observed(page: Page): Promise<void> {
  for (let answers = 0; answers < 2; answers += 1) await page.waitForResponse(/\/api\/v2\/metrics/);
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}

async function focused(page: Page): Promise<string> {
  return await page.evaluate(() => document.activeElement?.textContent ?? '');
}

interface AxeWindow {
  readonly axe: {
    run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] }>;
  };
}

/** Each broken rule of axe-core with the element that breaks it. */
async function violations(page: Page): Promise<readonly string[]> {
  if (await page.evaluate(() => !('axe' in window))) await page.evaluate(AXE);
  return await page.evaluate(async () => {
    const result = await (window as unknown as AxeWindow).axe.run();
    return result.violations.flatMap((rule) =>
      rule.nodes.map((node) => `${rule.id}: ${node.html} ${node.failureSummary ?? ''}`),
    );
  });
}
