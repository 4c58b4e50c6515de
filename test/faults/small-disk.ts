/** A small file system, mounted for the test in a mount namespace of its own: it goes when the test ends. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const NAMESPACE_MARK = 'FAULTS_NAMESPACE';
const MEGABYTE = 1024 * 1024;

/** Runs this program again where it may mount; the exit code, or undefined when it is there already or cannot be. */
export function inMountNamespace(script: readonly string[]): number | undefined {
  if (process.env[NAMESPACE_MARK] !== undefined || process.platform !== 'linux') return undefined;
  const flags = isRoot() ? ['--mount'] : ['--mount', '--map-root-user'];
  if (spawnSync('unshare', [...flags, 'true']).status !== 0) return undefined;
  const { status } = spawnSync('unshare', [...flags, process.execPath, ...script], {
    stdio: 'inherit',
    env: { ...process.env, [NAMESPACE_MARK]: isRoot() ? 'root' : 'user' },
  });
  return status ?? 1;
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Why a file system cannot be mounted; `ext4` needs a loop device, which only root has. */
export function mountMissing(kind: 'tmpfs' | 'ext4'): string | undefined {
  const namespace = process.env[NAMESPACE_MARK];
  if (namespace === undefined)
    return 'it needs a mount namespace of its own (unshare --mount), which this system does not give';
  if (kind === 'ext4' && namespace !== 'root') return 'it needs root, for a loop device';
  if (kind === 'ext4' && spawnSync('mkfs.ext4', ['-V']).status !== 0) return 'it needs mkfs.ext4';
  return undefined;
}

export class SmallDisk {
  readonly #folder = mkdtempSync(join(tmpdir(), 'headrace-disk-'));
  readonly #mounted = join(this.#folder, 'mounted');
  readonly #filler = join(this.#mounted, 'filler');
  readonly #image = join(this.#folder, 'image');

  constructor(kind: 'tmpfs' | 'ext4', megabytes: number) {
    execFileSync('mkdir', [this.#mounted]);
    if (kind === 'tmpfs') {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'headrace-faults', this.#mounted]);
      return;
    }
    writeFileSync(this.#image, '');
    truncateSync(this.#image, megabytes * MEGABYTE);
    execFileSync('mkfs.ext4', ['-q', '-m', '0', this.#image]);
    this.#mountImage();
  }

  get dataDir(): string {
    return join(this.#mounted, 'data');
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#mounted);
    return bavail * bsize;
  }

  /** Somebody else takes all the space but for `leave` bytes. */
  fill(leave: number): void {
    const block = Buffer.alloc(MEGABYTE);
    writeFileSync(this.#filler, '');
    for (let left = this.freeBytes - leave; left > 0; left = this.freeBytes - leave) {
      try {
        writeFileSync(this.#filler, block.subarray(0, Math.min(left, block.length)), { flag: 'a' });
      } catch (error) {
        // Somebody else was quicker.
        if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return;
        throw error;
      }
    }
  }

  /** And gives it back. */
  free(): void {
    rmSync(this.#filler, { force: true });
  }

  /** What ext4 does when it finds itself damaged: from now on it is read-only, for files that are open too. */
  breakToReadOnly(): void {
    const device = execFileSync('findmnt', ['-n', '-o', 'SOURCE', this.#mounted]).toString().trim();
    writeFileSync(join('/sys/fs/ext4', basename(device), 'trigger_fs_error'), '1');
  }

  /** Repairs it and mounts it anew; nobody may have a file of it open. */
  repair(): void {
    execFileSync('umount', [this.#mounted]);
    // 1: errors were corrected.
    const { status, stderr } = spawnSync('e2fsck', ['-p', '-f', this.#image]);
    if (status !== 0 && status !== 1) throw new Error(`e2fsck: ${status} ${stderr}`);
    this.#mountImage();
  }

  #mountImage(): void {
    execFileSync('mount', ['-o', 'loop,errors=remount-ro', this.#image, this.#mounted]);
  }

  remove(): void {
    spawnSync('umount', ['--lazy', this.#mounted]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Runs on a small disk; afterwards it is gone. */
export async function withSmallDisk<T>(
  kind: 'tmpfs' | 'ext4',
  megabytes: number,
  body: (disk: SmallDisk) => Promise<T>,
): Promise<T> {
  const disk = new SmallDisk(kind, megabytes);
  try {
    return await body(disk);
  } finally {
    disk.remove();
  }
}
