import { utf8 } from '../../src/base/bytes.ts';
import { HeadraceError } from '../../src/base/error.ts';
import {
  COMMIT_LOG,
  copyOf,
  finished,
  open,
  runCommits,
  runFresh,
  verifyAfterCrash,
  wholeCommits,
} from '../../src/log/commit-sequence.fixture.ts';
import type { Log } from '../../src/log/log.ts';
import { randomOf } from '../../src/log/log-simulation.fixture.ts';
import { type DiskFault, VirtualDisk } from '../../src/log/virtual-disk.ts';

/** Everything that can happen to a short run of the log alone, one thing at a time. `stride`: every so many-th of them. */

const COMMITS = 12;
/** What a power loss keeps is left to chance: so many chances at each place. */
const POWER_LOSSES = 4;

/** How often damage was told, and how often it changed nothing of what is read. */
export interface DamageTally {
  places: number;
  told: number;
  harmless: number;
}

export function emptyDamage(): DamageTally {
  return { places: 0, told: 0, harmless: 0 };
}

/** A crash in the middle of every operation, of the process and of the machine. @returns crashes */
export async function crashLogEverywhere(stride: number): Promise<number> {
  const counting = new VirtualDisk({ random: randomOf(0) });
  await runFresh(counting, COMMITS);
  let crashes = 0;
  for (let at = 0; at <= counting.operations; at += stride) {
    for (let variant = 0; variant <= POWER_LOSSES; variant++) {
      await crashLog(at, variant).catch((cause: unknown) => {
        throw new Error(`crash at operation ${at}, variant ${variant}`, { cause });
      });
      crashes++;
    }
  }
  return crashes;
}

async function crashLog(at: number, variant: number): Promise<void> {
  let armed = true;
  const fault = (_: unknown, number: number): DiskFault | undefined => (armed && number === at ? 'crash' : undefined);
  const disk = new VirtualDisk({ random: randomOf(at * (POWER_LOSSES + 1) + variant), fault });
  const { acknowledged } = await runFresh(disk, COMMITS);
  armed = false;
  await verifyAfterCrash(disk, acknowledged, variant > 0);
}

/** The commit log, and the last segment of each partition, end at every byte. */
export async function tearLogEverywhere(stride: number, tally: DamageTally): Promise<void> {
  const disk = await finished(3);
  for (const path of lastSegments(disk).concat(COMMIT_LOG)) {
    const bytes = disk.content(path).slice();
    const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
    for (let cut = path === COMMIT_LOG ? 64 : 0; cut < end; cut += stride) {
      const torn = copyOf(disk);
      torn.setContent(path, bytes.subarray(0, cut));
      await judge(`${path} cut at byte ${cut}`, torn, 3, path === COMMIT_LOG, tally);
    }
  }
}

/** One bit of every byte of every file flips. */
export async function flipLogEverywhere(stride: number, tally: DamageTally): Promise<void> {
  const disk = await finished(6);
  for (const path of disk.paths().filter((name) => !name.endsWith('LOCK'))) {
    const bytes = disk.content(path).slice();
    for (let at = 0; at < bytes.length; at += stride) {
      const damaged = copyOf(disk);
      const changed = bytes.slice();
      changed[at]! ^= 1 << (at % 8);
      damaged.setContent(path, changed);
      await judge(`${path} with a flipped bit in byte ${at}`, damaged, 6, false, tally);
    }
  }
}

function lastSegments(disk: VirtualDisk): string[] {
  const segments = disk.paths().filter((path) => path.includes('/topics/') && path.endsWith('.log'));
  return segments.filter((path, i) => segments[i + 1]?.startsWith(path.slice(0, path.lastIndexOf('/'))) !== true);
}

/** Damage is told with what to do, or changes nothing; a commit log that ends early may be one that was never longer. */
async function judge(
  what: string,
  disk: VirtualDisk,
  commits: number,
  mayEnd: boolean,
  tally: DamageTally,
): Promise<void> {
  tally.places++;
  try {
    const warnings: string[] = [];
    const log = await open(disk, warnings);
    const found = wholeCommits(log);
    if (found === commits && (await goesOn(log, found))) {
      tally.harmless++;
      return;
    }
    if (found > commits) throw new Error(`${found} commits are there, and ${commits} were made`);
    if (!mayEnd && warnings.length === 0)
      throw new Error(`${found} of ${commits} commits are there, and nothing is said`);
    if (!mayEnd) await requireRefusal(log);
    tally.told++;
  } catch (error) {
    if (!isTold(error)) throw new Error(what, { cause: error });
    tally.told++;
  }
}

async function goesOn(log: Log, commits: number): Promise<boolean> {
  return (await runCommits(log, commits, commits + 1)) === commits + 1 && wholeCommits(log) === commits + 1;
}

/** A log that is damaged takes no writes. */
async function requireRefusal(log: Log): Promise<void> {
  await log.commit({ appends: [], puts: [{ space: 's', key: 'k', value: utf8('v') }] });
  throw new Error('a damaged log takes a write');
}

export function isTold(error: unknown): boolean {
  if (!(error instanceof HeadraceError)) return false;
  const codes = ['LOG_CORRUPT', 'LOG_VERSION_UNKNOWN', 'ENGINE_SNAPSHOT_INVALID', 'ENGINE_INPUT_UNREADABLE'];
  return codes.includes(error.code) && error.message.includes('; ');
}
