/**
 * A virtual machine may hand the memory that it does not use back to its host (free page reporting), which then has to find a page
 * anew for each that is touched: a write to a file goes at 0.5 GB/s then, not at 5. On a server that has run for a while all
 * memory is page cache, and a new page is an old one. This makes it so, for figures that say something of the program.
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BLOCK_BYTES = 4 * 1024 ** 2;
/** Memory that stays free. */
const MEMORY_KEPT_BYTES = 400 * 1024 ** 2;
/** Part of the free disk that is used at most. */
const DISK_SHARE = 0.5;
/** Fills the free memory with clean pages of a file; the file is removed, and with it the pages, by what is returned. */
export function fillPageCache(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-memory-'));
  const disk = statfsSync(folder);
  const bytes = Math.min(freeMemoryBytes() - MEMORY_KEPT_BYTES, disk.bavail * disk.bsize * DISK_SHARE);
  if (bytes > 0) writeFile(join(folder, 'fill'), bytes);
  return () => rmSync(folder, { recursive: true, force: true });
}

const BLOCK = Buffer.alloc(BLOCK_BYTES, 1);

function writeFile(path: string, bytes: number): void {
  const file = openSync(path, 'w');
  for (let at = 0; at < bytes; at += BLOCK_BYTES) writeSync(file, BLOCK);
  fdatasyncSync(file);
  closeSync(file);
}

/** Memory that nothing uses, not even as cache; 0 where there is no /proc. */
function freeMemoryBytes(): number {
  if (!existsSync('/proc/meminfo')) return 0;
  const line = /^MemFree: +(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'latin1'));
  return Number(line?.[1] ?? 0) * 1024;
}
