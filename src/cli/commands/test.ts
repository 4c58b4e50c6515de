import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliError } from '../cli-error.ts';
import type { Command, CommandContext } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { styled } from '../output.ts';
import { projectDirOf } from '../project-dir.ts';

export const test: Command = {
  name: 'test',
  usage: '[project]',
  wordsMax: 1,
  summary: 'Run the tests of a project: rows in, rows out',
  description:
    'Each tests/*.test.yaml sends its input rows through the pipelines and compares the views, by a clock of its own; each tests/*.test.ts is run by "node --test".',
  flags: {},
  examples: [{ line: 'headrace test', does: 'the project in this folder' }],
  async run(context) {
    const projectDir = projectDirOf(context);
    const folder = join(projectDir, 'tests');
    const files = existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => /\.test\.(yaml|ts)$/.test(name))
          .sort()
      : [];
    if (files.length === 0) {
      throw new CliError(
        EXIT.failed,
        'CLI_NO_TESTS',
        `testing ${projectDir}: tests/ has no *.test.yaml and no *.test.ts`,
        'write one; "headrace init" makes an example',
      );
    }
    let failed = 0;
    for (const name of files) {
      const run = name.endsWith('.yaml') ? testRows : testCode;
      if (!(await run(context, projectDir, name))) failed += 1;
    }
    return failed === 0 ? EXIT.ok : EXIT.failed;
  },
};

/** @returns whether it passed */
async function testRows({ terminal, json }: CommandContext, projectDir: string, name: string): Promise<boolean> {
  const { parseTestFile, runTestFile } = await import('../../testing/test-file.ts');
  const file = parseTestFile(readFileSync(join(projectDir, 'tests', name), 'utf8'), name);
  const differences = await runTestFile(projectDir, file);
  const passed = differences.length === 0;
  if (json) {
    terminal.out(`${JSON.stringify({ test: name, passed, differences })}\n`);
    return passed;
  }
  terminal.out(`${passed ? styled(terminal, 'green', 'pass') : styled(terminal, 'red', 'fail')}  ${name}\n`);
  for (const { view, step, missing, unexpected } of differences) {
    const place = file.steps.length > 3 || step === undefined ? `step ${step}, ${view}` : view;
    for (const row of missing) terminal.out(`      ${place}: missing     ${JSON.stringify(row)}\n`);
    for (const row of unexpected) terminal.out(`      ${place}: unexpected  ${JSON.stringify(row)}\n`);
  }
  return passed;
}

/** In a process of its own, in the project's folder; what it prints is shown when it fails. */
async function testCode({ terminal, json }: CommandContext, projectDir: string, name: string): Promise<boolean> {
  const { bundleTest } = await import('../../app/module-bundle.ts');
  const place = { file: join(projectDir, 'tests', name), root: projectDir };
  const bundle = await bundleTest(place, join(projectDir, '.headrace', 'cache'));
  // A test that runs inside another run of node --test would report to it and not to us.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(process.execPath, ['--enable-source-maps', '--test', bundle], { cwd: projectDir, env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
  const [code] = (await once(child, 'close')) as [number | null];
  const passed = code === 0;
  if (json) terminal.out(`${JSON.stringify({ test: name, passed, ...(!passed && { output }) })}\n`);
  else if (passed) terminal.out(`${styled(terminal, 'green', 'pass')}  ${name}\n`);
  else terminal.out(`${styled(terminal, 'red', 'fail')}  ${name}\n${output.replace(/^/gm, '      ')}\n`);
  return passed;
}
