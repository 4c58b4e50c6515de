import { transform } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { StackOrigin, withSourceMap } from './stack-origin.ts';

const SOURCE = `interface Order { id: string }

/** A comment that the bundle drops. */
const inner = (order: Order): string => {
  throw new Error('no ' + order.id);
};
export const outer = (id: string): string => inner({ id });
`;

async function bundle(): Promise<string> {
  const options = { loader: 'ts', sourcemap: 'external', sourcefile: 'pipelines/orders.ts' } as const;
  const { code, map } = await transform(SOURCE, options);
  return withSourceMap(code, map);
}

async function failureOf(code: string, place: string): Promise<readonly [error: unknown, url: string]> {
  const text = `${new StackOrigin(code, []).code}\n//# sourceURL=${place}`;
  const url = `data:text/javascript;base64,${Buffer.from(text).toString('base64')}`;
  const { outer } = (await import(/* @vite-ignore */ url)) as { outer: (id: string) => string };
  try {
    return [outer('o1'), url];
  } catch (error) {
    return [error, url];
  }
}

describe('the origin of a stack', () => {
  it('is the line and column in the file that was bundled, innermost first', async () => {
    const code = await bundle();
    const [error, url] = await failureOf(code, 'bundle-1');
    expect(new StackOrigin(code, ['bundle-1', url]).framesOf(error)).toEqual([
      { function: 'inner', file: 'pipelines/orders.ts', line: 5, column: 9 },
      { function: 'outer', file: 'pipelines/orders.ts', line: 7, column: 46 },
    ]);
  });

  it('is nothing for frames of other files, for a bundle without a map, and for what is no error', async () => {
    const code = await bundle();
    const [error, url] = await failureOf(code, 'bundle-2');
    expect(new StackOrigin(code, ['another']).framesOf(error)).toEqual([]);
    expect(new StackOrigin('throw 1', ['bundle-2', url]).framesOf(error)).toEqual([]);
    expect(new StackOrigin(code, ['bundle-2', url]).framesOf('thrown text')).toEqual([]);
  });
});
