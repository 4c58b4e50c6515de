import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Project } from '../../app/project.ts';
import { packageVersion } from '../../app/version.ts';
import { messageOf } from '../../base/error.ts';
import { ApiClient, SERVER_FLAGS } from '../api-client.ts';
import type { Command, CommandContext } from '../command.ts';
import {
  buildFinding,
  clockFinding,
  dataDirFinding,
  diskFindings,
  type Finding,
  nodeFinding,
  portFinding,
  simdFinding,
} from '../diagnosis.ts';
import { EXIT } from '../exit-code.ts';
import { styled } from '../output.ts';

export const doctor: Command = {
  name: 'doctor',
  usage: '[project] [flags]',
  wordsMax: 1,
  summary: 'Check this machine, the project and the running process',
  description:
    'Node, processor, build, clock, free space and fsync; whether the project compiles, its port is free and its data directory has no other owner; and what runs at --url. The exit code is 1 when a check fails; a warning is none.',
  flags: { ...SERVER_FLAGS },
  examples: [
    { line: 'headrace doctor', does: 'the project here, and what runs at --url' },
    { line: 'headrace doctor app --json', does: 'for a program' },
  ],
  async run(context) {
    const findings = await diagnose(context);
    const { terminal } = context;
    if (context.json) terminal.out(`${JSON.stringify({ findings })}\n`);
    else for (const finding of findings) terminal.out(lineOf(finding, context));
    return findings.some(({ verdict }) => verdict === 'fail') ? EXIT.failed : EXIT.ok;
  },
};

async function diagnose(context: CommandContext): Promise<readonly Finding[]> {
  const dir = resolve(context.cwd, context.words[0] ?? '.');
  const machine = [nodeFinding(process.versions.node), simdFinding(), buildFinding()];
  const { finding, project } = await readProject(dir, context);
  const dataDir = resolve(dir, project?.options.dataDir ?? join('.headrace', 'data'));
  const { findings: server, url } = await askServer(context);
  const findings = [...machine, clockFinding(Date.now(), dataDir), ...diskFindings(dataDir), finding];
  if (project !== undefined) {
    const { httpHost, httpPort } = project.options;
    findings.push(await portFinding(httpHost, httpPort, Number(url?.port) === httpPort));
    findings.push(await dataDirFinding(dataDir));
  }
  return [...findings, ...server];
}

async function readProject(
  dir: string,
  { env }: CommandContext,
): Promise<{ readonly finding: Finding; readonly project?: Project }> {
  if (!existsSync(join(dir, 'headrace.yaml')) && !existsSync(join(dir, 'pipelines'))) {
    const detail = `${dir} has neither headrace.yaml nor pipelines/; make a project with "headrace init app"`;
    return { finding: { check: 'project', verdict: 'warn', detail } };
  }
  try {
    const { loadProject } = await import('../../app/project.ts');
    const project = await loadProject(dir, { env, flags: {} });
    const many = project.pipelines.length;
    const detail = `${dir}: ${many} pipeline${many === 1 ? '' : 's'}, ${project.topics.length} declared topics`;
    return { finding: { check: 'project', verdict: 'ok', detail }, project };
  } catch (error) {
    return { finding: { check: 'project', verdict: 'fail', detail: messageOf(error) } };
  }
}

/** Whether it answers, is ready, and is of the version of this command. */
async function askServer(
  context: CommandContext,
): Promise<{ readonly findings: readonly Finding[]; readonly url?: URL }> {
  const client = ApiClient.of(context);
  const { signal } = context;
  try {
    await client.request('/health/ready', signal);
  } catch (error) {
    return { findings: [{ check: 'server', verdict: 'warn', detail: messageOf(error) }] };
  }
  const url = new URL(client.url);
  const ready: Finding = { check: 'server', verdict: 'ok', detail: `ready at ${client.url}` };
  try {
    const { info } = await client.json<{ readonly info?: { readonly version?: string } }>(
      '/api/v2/openapi.json',
      signal,
    );
    return { findings: [ready, versionFinding(packageVersion(), info?.version)], url };
  } catch (error) {
    return { findings: [ready, { check: 'version', verdict: 'warn', detail: messageOf(error) }], url };
  }
}

function versionFinding(own: string, server: string | undefined): Finding {
  return own === server
    ? { check: 'version', verdict: 'ok', detail: own }
    : {
        check: 'version',
        verdict: 'warn',
        detail: `this is ${own}, the server is ${server ?? 'unknown'}; use one version`,
      };
}

function lineOf({ check, verdict, detail }: Finding, { terminal }: CommandContext): string {
  const mark = {
    ok: styled(terminal, 'green', 'ok  '),
    warn: styled(terminal, 'yellow', 'warn'),
    fail: styled(terminal, 'red', 'fail'),
  }[verdict];
  return `${mark}  ${check.padEnd(8)} ${detail}\n`;
}
