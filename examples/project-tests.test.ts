import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { main } from '../src/cli/main.ts';

it.each(['web-traffic', 'web-traffic/typescript', 'rides', 'rides/typescript'])(
  'headrace test examples/%s passes',
  async (example) => {
    let printed = '';
    const out = (text: string): void => {
      printed += text;
    };
    const terminal = { out, err: out, width: undefined, colors: false, interactive: false };
    const cwd = fileURLToPath(new URL('.', import.meta.url));
    const code = await main(['test', example], { env: {}, cwd, terminal, signal: new AbortController().signal });
    expect(printed).toMatch(/^pass {2}\S+\n$/);
    expect(code).toBe(0);
  },
);
