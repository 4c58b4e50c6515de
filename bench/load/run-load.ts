import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { LoadOptions, LoadReport } from './http-load.ts';
import { ROOT } from './server.ts';

/** Runs the load generator in a process of its own. */
export function runLoad(options: LoadOptions): Promise<LoadReport> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [join(ROOT, 'scripts/run-ts.mjs'), join(ROOT, 'bench/load/http-load.ts'), JSON.stringify(options)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve(JSON.parse(output) as LoadReport);
      else reject(new Error(`the load generator exited with ${code}: ${output}`));
    });
  });
}
