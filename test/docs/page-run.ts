import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Block } from './page.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BLOCK_MS_MAX = 60_000;
/** A block marked `until` is repeated for so long until it prints what the page says. */
const UNTIL_MS_MAX = 30_000;
const READY_MS_MAX = 60_000;
/** The ports that pages print; free ones take their place: the server's, and that of a receiver. */
const PRINTED_PORTS = ['8080', '9095'] as const;

/**
 * Runs the blocks of one page in order, in an empty folder, as a reader would type them. Marks:
 *
 * - `file=PATH` (any language): the block is written to that file.
 * - `sh run`: the commands; each must succeed, and print what the next `text prints` block says, `...` standing for anything.
 * - `sh run background`: the command goes on; the next block begins when the server is ready.
 * - `needs-postgres`: the page is run where a PostgreSQL server is at hand (test/components/postgres-sink.test.ts).
 * - `sh run fails`: the command must fail.
 * - `sh run until`: repeated until it prints what the page says.
 */
export class PageRun {
  readonly #folder = mkdtempSync(join(tmpdir(), 'headrace-page-'));
  readonly #home = join(this.#folder, 'home');
  readonly #ports: ReadonlyMap<string, string>;
  /** `closed` resolves when the streams are closed: all of its group have ended. */
  readonly #background: { readonly child: ChildProcess; readonly closed: Promise<unknown> }[] = [];
  #backgroundText = '';

  private constructor(ports: ReadonlyMap<string, string>) {
    this.#ports = ports;
    const bin = join(this.#folder, 'bin');
    for (const folder of [this.#home, bin]) mkdirSync(folder);
    const headrace = `"${process.execPath}" "${join(ROOT, 'bin', 'headrace.js')}" "$@"`;
    this.#script(join(bin, 'headrace'), `exec ${headrace}`);
    this.#script(join(bin, 'npx'), `shift\nexec ${headrace}`);
    writeFileSync(join(this.#folder, 'cwd'), this.#home);
    writeFileSync(join(this.#folder, 'env'), '');
  }

  /** @param ports printed ports of servers that are there already, with where they are */
  static async open(ports: ReadonlyMap<string, string> = new Map()): Promise<PageRun> {
    const free = await Promise.all(PRINTED_PORTS.map(freePort));
    return new PageRun(new Map([...PRINTED_PORTS.map((printed, index) => [printed, free[index]!] as const), ...ports]));
  }

  /** @throws Error that says what differs from the page */
  async run(blocks: readonly Block[]): Promise<void> {
    for (const [index, block] of blocks.entries()) {
      if (block.file !== undefined) this.#write(block.file, block.text);
      if (!block.marks.includes('run')) continue;
      const next = blocks[index + 1];
      const prints = next?.marks.includes('prints') ? next.text : '';
      if (block.marks.includes('background')) await this.#start(block);
      else await this.#foreground(block, prints);
    }
  }

  async close(): Promise<void> {
    for (const { child, closed } of this.#background) {
      try {
        if (child.exitCode === null) process.kill(-child.pid!, 'SIGTERM');
      } catch {
        // It has ended by itself.
      }
      await closed;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #script(path: string, text: string): void {
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
  }

  #write(file: string, text: string): void {
    const path = join(readFileSync(join(this.#folder, 'cwd'), 'utf8').trim(), file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, this.#ported(text));
  }

  #ported(text: string): string {
    return [...this.#ports].reduce((ported, [printed, port]) => ported.replaceAll(printed, port), text);
  }

  #env(): Record<string, string> {
    const { PATH = '' } = process.env;
    const at = this.#ports.get(PRINTED_PORTS[0])!;
    return {
      PATH: `${join(this.#folder, 'bin')}${delimiter}${PATH}`,
      HOME: this.#home,
      HEADRACE_URL: `http://127.0.0.1:${at}`,
      HEADRACE_HTTP_PORT: at,
    };
  }

  /** Folder and exported variables outlive a block, as in a terminal. */
  #shell(text: string): string {
    const at = (name: string): string => `"${join(this.#folder, name)}"`;
    return `set -e\n. ${at('env')}\ncd "$(cat ${at('cwd')})"\n${this.#ported(text)}\npwd > ${at('cwd')}\nexport -p > ${at('env')}`;
  }

  async #foreground(block: Block, prints: string): Promise<void> {
    const until = block.marks.includes('until') ? UNTIL_MS_MAX : 0;
    const started = performance.now();
    for (;;) {
      const { status, output } = await this.#once(block.text);
      const fails = block.marks.includes('fails');
      const missing = missingLine(output, this.#ported(prints));
      if ((status === 0) !== fails && missing === undefined) return;
      if (performance.now() - started > until) {
        const what = missing === undefined ? `exits with ${status}` : `does not print "${missing}"`;
        throw new Error(`line ${block.line}: ${what}:\n${block.text}${output}\n${this.#backgroundText}`);
      }
    }
  }

  #once(text: string): Promise<{ readonly status: number | null; readonly output: string }> {
    const child = spawn('bash', ['-c', this.#shell(text)], { env: this.#env(), stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    const timer = setTimeout(() => child.kill('SIGKILL'), BLOCK_MS_MAX);
    return new Promise((resolve) => {
      child.once('close', (status) => {
        clearTimeout(timer);
        resolve({ status, output });
      });
    });
  }

  async #start(block: Block): Promise<void> {
    const child = spawn('bash', ['-c', this.#shell(block.text)], {
      env: this.#env(),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#background.push({ child, closed: new Promise((resolve) => child.once('close', resolve)) });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        this.#backgroundText += String(chunk);
      });
    }
    const started = performance.now();
    while (!/ready|listening/.test(this.#backgroundText)) {
      if (child.exitCode !== null || performance.now() - started > READY_MS_MAX) {
        throw new Error(`line ${block.line}: it does not get ready:\n${block.text}${this.#backgroundText}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** The first line of the page that the output does not have, in its order. */
function missingLine(output: string, prints: string): string | undefined {
  const lines = output.split('\n');
  let from = 0;
  for (const wanted of prints.split('\n').map((line) => line.trim())) {
    if (wanted === '' || wanted === '...') continue;
    const pattern = new RegExp(wanted.split('...').map(escaped).join('.*'));
    const at = lines.findIndex((line, index) => index >= from && pattern.test(line));
    if (at < 0) return wanted;
    from = at + 1;
  }
  return undefined;
}

/** Runs of white space in a page stand for any. */
function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+');
}

function freePort(): Promise<string> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? String(address.port) : ''));
    });
  });
}

/** Whether the commands of the pages can run here at all. */
export function missingTool(): string | undefined {
  return ['bash', 'curl', 'gzip', 'openssl'].find((tool) => spawnSync(tool, ['--version']).error !== undefined);
}
