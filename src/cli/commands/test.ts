import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliError } from '../cli-error.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { styled } from '../output.ts';
import { projectDirOf } from '../project-dir.ts';

export const test: Command = {
  name: 'test',
  usage: '[project]',
  wordsMax: 1,
  summary: 'Run the tests of a project: rows in, rows out',
  description:
    'Each tests/*.test.yaml sends its input rows through the pipelines and compares the views, by a clock of its own.',
  flags: {},
  examples: [{ line: 'headrace test', does: 'the project in this folder' }],
  async run(context) {
    const { terminal, json } = context;
    const projectDir = projectDirOf(context);
    const folder = join(projectDir, 'tests');
    const files = existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => name.endsWith('.test.yaml'))
          .sort()
      : [];
    if (files.length === 0) {
      throw new CliError(
        EXIT.failed,
        'CLI_NO_TESTS',
        `testing ${projectDir}: tests/ has no *.test.yaml`,
        'write one; "headrace init" makes an example',
      );
    }
    const { parseTestFile, runTestFile } = await import('../../testing/test-file.ts');
    let failed = 0;
    for (const name of files) {
      const file = parseTestFile(readFileSync(join(folder, name), 'utf8'), name);
      const differences = await runTestFile(projectDir, file);
      if (differences.length > 0) failed += 1;
      if (json) {
        terminal.out(`${JSON.stringify({ test: name, passed: differences.length === 0, differences })}\n`);
        continue;
      }
      terminal.out(
        `${differences.length === 0 ? styled(terminal, 'green', 'pass') : styled(terminal, 'red', 'fail')}  ${name}\n`,
      );
      for (const { view, missing, unexpected } of differences) {
        for (const row of missing) terminal.out(`      ${view}: missing     ${JSON.stringify(row)}\n`);
        for (const row of unexpected) terminal.out(`      ${view}: unexpected  ${JSON.stringify(row)}\n`);
      }
    }
    return failed === 0 ? EXIT.ok : EXIT.failed;
  },
};
