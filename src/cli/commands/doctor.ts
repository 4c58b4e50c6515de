import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { messageOf } from '../../base/error.ts';
import { portOwner } from '../../protocol/http/port-owner.ts';
import { ApiClient, SERVER_FLAGS } from '../api-client.ts';
import type { Command, CommandContext } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { styled } from '../output.ts';
import { bytesText } from '../size-text.ts';

type Verdict = 'ok' | 'warn' | 'fail';

interface Finding {
  readonly check: string;
  readonly verdict: Verdict;
  readonly detail: string;
}

/** Less free space than this is worth a warning. */
const FREE_BYTES_MIN = 2e9;
/** A durable acknowledgement cannot be faster than this disk's fsync. */
const FSYNC_MS_GOOD = 10;
const FSYNC_ROUNDS = 20;

export const doctor: Command = {
  name: 'doctor',
  usage: '[project] [flags]',
  summary: 'Check this machine, the project and the running process',
  flags: { ...SERVER_FLAGS },
  examples: [
    { line: 'headrace doctor', does: 'the project here, and what runs at --url' },
    { line: 'headrace doctor app --json', does: 'for a program' },
  ],
  async run(context) {
    const projectDir = resolve(context.cwd, context.words[0] ?? '.');
    const findings = [nodeVersion(), simd(), project(projectDir), ...disk(projectDir), ...(await server(context))];
    const { terminal } = context;
    if (context.json) terminal.out(`${JSON.stringify({ findings })}\n`);
    else for (const finding of findings) terminal.out(lineOf(finding, context));
    return findings.some(({ verdict }) => verdict === 'fail') ? EXIT.failed : EXIT.ok;
  },
};

function lineOf({ check, verdict, detail }: Finding, { terminal }: CommandContext): string {
  const mark = {
    ok: styled(terminal, 'green', 'ok  '),
    warn: styled(terminal, 'yellow', 'warn'),
    fail: styled(terminal, 'red', 'fail'),
  }[verdict];
  return `${mark}  ${check.padEnd(9)} ${detail}\n`;
}

function nodeVersion(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const good = major > 20 || (major === 20 && minor >= 19);
  return {
    check: 'node',
    verdict: good ? 'ok' : 'fail',
    detail: `${process.versions.node} (20.19 or newer is needed)`,
  };
}

/** `v128.const 0; drop`, the smallest module that needs SIMD. */
const SIMD_MODULE = Uint8Array.of(
  0,
  97,
  115,
  109,
  1,
  0,
  0,
  0,
  1,
  4,
  1,
  96,
  0,
  0,
  3,
  2,
  1,
  0,
  10,
  23,
  1,
  21,
  0,
  253,
  12,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  26,
  11,
);

function simd(): Finding {
  const good = WebAssembly.validate(SIMD_MODULE);
  return {
    check: 'simd',
    verdict: good ? 'ok' : 'fail',
    detail: good ? 'WebAssembly SIMD is there' : 'this processor has no WebAssembly SIMD; use one with SSE4.1 or NEON',
  };
}

function project(dir: string): Finding {
  const good = existsSync(join(dir, 'headrace.yaml')) || existsSync(join(dir, 'pipelines'));
  return {
    check: 'project',
    verdict: good ? 'ok' : 'warn',
    detail: good ? dir : `${dir} has neither headrace.yaml nor pipelines/; make a project with "headrace init app"`,
  };
}

function disk(dir: string): readonly Finding[] {
  const findings: Finding[] = [];
  const folder = join(dir, '.headrace');
  const probe = join(folder, `doctor-${process.pid}`);
  try {
    const { bavail, bsize } = statfsSync(dir);
    const free = bavail * bsize;
    findings.push({
      check: 'disk',
      verdict: free < FREE_BYTES_MIN ? 'warn' : 'ok',
      detail: `${bytesText(free)} free at ${dir}`,
    });
    mkdirSync(folder, { recursive: true });
    const fsyncMs = medianFsyncMs(probe);
    findings.push({
      check: 'fsync',
      verdict: fsyncMs > FSYNC_MS_GOOD ? 'warn' : 'ok',
      detail: `${fsyncMs.toFixed(2)} ms; no acknowledgement is faster than that`,
    });
  } catch (error) {
    findings.push({ check: 'disk', verdict: 'fail', detail: `writing to ${folder}: ${messageOf(error)}` });
  } finally {
    rmSync(probe, { force: true });
  }
  return findings;
}

function medianFsyncMs(file: string): number {
  const block = Buffer.alloc(4096, 1);
  const fd = openSync(file, 'w');
  try {
    const times: number[] = [];
    for (let i = 0; i < FSYNC_ROUNDS; i++) {
      writeSync(fd, block);
      const started = performance.now();
      fsyncSync(fd);
      times.push(performance.now() - started);
    }
    return times.sort((a, b) => a - b)[FSYNC_ROUNDS / 2]!;
  } finally {
    closeSync(fd);
  }
}

async function server(context: CommandContext): Promise<readonly Finding[]> {
  const client = ApiClient.of(context);
  const port = Number(new URL(client.url).port || 80);
  try {
    await client.request('/health/ready', context.signal);
    return [{ check: 'server', verdict: 'ok', detail: `ready at ${client.url}` }];
  } catch (error) {
    const owner = portOwner(port);
    const who = owner === undefined ? '' : `; process ${owner.pid} (${owner.command}) has port ${port}`;
    return [{ check: 'server', verdict: 'warn', detail: `${messageOf(error)}${who}` }];
  }
}
