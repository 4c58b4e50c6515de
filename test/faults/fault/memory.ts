import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { check, type Fault, sleep } from '../fault.ts';
import { withTrial } from '../trial.ts';

const KILOBYTE = 1024;
/** What the process may still take once it runs. */
const ROOM_BYTES = 24 * 1024 * 1024;
const HELD_MS = 6_000;

/** The system gives the process no more memory: it may refuse or die, and a start finds everything. */
export const memory: Fault = {
  name: 'memory',
  does: `the address space limited to ${ROOM_BYTES / 1024 / 1024} MB more than it has, under load: it may fail, with a reason; a start recovers`,
  missing() {
    if (process.platform !== 'linux') return 'it reads /proc';
    return spawnSync('prlimit', ['--version']).status === 0 ? undefined : 'it needs prlimit';
  },
  rounds: 2,
  run: ({ rounds, seed }) =>
    withTrial({ seed }, async (trial) => {
      const ends: string[] = [];
      trial.startLoad();
      for (let round = 0; round < rounds; round++) {
        await trial.progress(500);
        limitAddressSpace(trial.pid, addressSpaceOf(trial.pid) + ROOM_BYTES);
        const ended = await Promise.race([trial.server.exited, sleep(HELD_MS)]);
        ends.push(String(ended ?? 'went on'));
        const said = trial.server.output();
        check(ended !== 0, 'it ended as if all were well');
        check(
          ended === undefined || /memory|alloc/i.test(said),
          `it ended with ${ended} and does not say why:\n${said}`,
        );
        await trial.server.stop('SIGKILL');
        await trial.restart();
      }
      await trial.progress(500);
      return { rounds, ends, ...(await trial.finish()) };
    }),
};

function addressSpaceOf(pid: number): number {
  const kilobytes = /^VmSize:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * KILOBYTE;
}

function limitAddressSpace(pid: number, bytes: number): void {
  const { status, stderr } = spawnSync('prlimit', [`--pid=${pid}`, `--as=${bytes}:${bytes}`]);
  if (status !== 0) throw new Error(`limiting the address space: ${stderr}`);
}
