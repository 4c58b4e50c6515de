/**
 * Where the time went: the heaviest functions of V8 CPU profiles, one table per thread.
 *
 *   node scripts/run-ts.mjs bench/load/profile.ts FOLDER [rows]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly hitCount: number;
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface FunctionTime {
  readonly name: string;
  readonly ms: number;
}

/** Self time per function, heaviest first. */
function selfTimes(profile: CpuProfile): FunctionTime[] {
  const names = new Map(profile.nodes.map((node) => [node.id, nameOf(node)]));
  const times = new Map<string, number>();
  profile.samples.forEach((id, i) => {
    const name = names.get(id) ?? '(unknown)';
    times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas[i] ?? 0) / 1000);
  });
  return [...times].map(([name, ms]) => ({ name, ms })).sort((a, b) => b.ms - a.ms);
}

function nameOf({ callFrame }: ProfileNode): string {
  const { functionName, url, lineNumber } = callFrame;
  const file = url.split('/').slice(-2).join('/');
  return `${functionName || '(anonymous)'} ${file}${file === '' ? '' : `:${lineNumber + 1}`}`;
}

const [folder = '.', rows = '40'] = process.argv.slice(2);
for (const file of readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))) {
  const times = selfTimes(JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile);
  const total = times.reduce((sum, { ms }) => sum + ms, 0);
  const idle = times.find(({ name }) => name.startsWith('(idle)'))?.ms ?? 0;
  console.log(`\n${file}: ${Math.round(total)} ms, busy ${Math.round(total - idle)} ms`);
  for (const { name, ms } of times.slice(0, Number(rows))) {
    console.log(`${ms.toFixed(0).padStart(8)} ms ${((100 * ms) / (total - idle)).toFixed(1).padStart(5)} %  ${name}`);
  }
}
