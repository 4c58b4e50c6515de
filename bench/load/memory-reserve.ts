/**
 * Memory that this machine really has, handed to the measured process as it takes some. Virtual machines get memory from their
 * host a page at a time, when it is first touched, and give back what has been free for some seconds: measured here, writing a
 * file into such memory takes 2.2 ms a mebibyte instead of 0.18. A server that has run for an hour has none of it left, since
 * its page cache has filled the machine; one that was started for a benchmark would be measured by it.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const STEP_BYTES = 8 * 1024 * 1024;
const WATCH_MS = 20;
/** Given before it is asked for, so that what is taken between two looks is there. */
const AHEAD_BYTES = 128 * 1024 * 1024;

export interface MemoryReserve {
  /** Bytes that were handed over. */
  readonly given: () => number;
  release(): void;
}

function freeBytes(): number | undefined {
  try {
    const line = /^MemFree:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'));
    return line === null ? undefined : Number(line[1]) * 1024;
  } catch {
    return undefined;
  }
}

/**
 * Takes so many bytes, as the page cache of a file without blocks, and gives them back as free memory falls below what there was
 * when it had them. Does nothing where there is no /proc.
 */
export function reserveMemory(bytes: number): MemoryReserve {
  if (freeBytes() === undefined || bytes === 0) return { given: () => 0, release: () => {} };
  const path = join(tmpdir(), `headrace-reserve-${process.pid}`);
  const file = openSync(path, 'w+');
  ftruncateSync(file, bytes);
  const step = new Uint8Array(STEP_BYTES);
  for (let at = 0; at < bytes; at += STEP_BYTES) readSync(file, step, 0, STEP_BYTES, at);
  let left = bytes;
  const target = freeBytes()!;
  const give = (): void => {
    const missing = target + AHEAD_BYTES - freeBytes()!;
    if (missing <= 0 || left === 0) return;
    left = Math.max(0, left - missing);
    ftruncateSync(file, left);
  };
  give();
  const timer = setInterval(give, WATCH_MS);
  return {
    given: () => bytes - left,
    release: () => {
      clearInterval(timer);
      closeSync(file);
      rmSync(path, { force: true });
    },
  };
}
