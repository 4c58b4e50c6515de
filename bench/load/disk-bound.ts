import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** What the disk takes: sequential writes of `blockBytes`, each made durable before the next. */
/** @param where the folder whose disk is meant */
export function measureDisk(
  where: string,
  blockBytes: number,
  seconds: number,
): { bytesPerSecond: number; syncMs: number } {
  const folder = mkdtempSync(join(where, 'headrace-disk-'));
  const file = openSync(join(folder, 'blocks'), 'w');
  const block = Buffer.alloc(blockBytes, 'x');
  const startedAt = performance.now();
  let syncs = 0;
  while (performance.now() - startedAt < seconds * 1000) {
    writeSync(file, block);
    fdatasyncSync(file);
    syncs++;
  }
  const elapsed = performance.now() - startedAt;
  closeSync(file);
  rmSync(folder, { recursive: true });
  return { bytesPerSecond: (syncs * blockBytes * 1000) / elapsed, syncMs: elapsed / syncs };
}
