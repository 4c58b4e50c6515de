import { readFileSync } from 'node:fs';
import { LOG_LIMITS } from '../log/limits.ts';
import { CONNECTIONS_MAX } from '../protocol/http/limit.ts';

/** Connections may take this part of the files that the process may have open, so that they never leave the log without. */
const CONNECTIONS_PART = 1 / 2;
/** The log keeps files open that it writes to; this part at most. */
const LOG_PART = 1 / 8;

export interface FileShares {
  readonly connectionsMax: number;
  readonly logFilesMax: number;
}

/** How the files that the process may have open are shared; `openFilesMax` undefined where the system does not tell. */
export function fileShares(openFilesMax: number | undefined): FileShares {
  const files = openFilesMax ?? Number.POSITIVE_INFINITY;
  return {
    connectionsMax: Math.min(CONNECTIONS_MAX, Math.max(1, Math.floor(files * CONNECTIONS_PART))),
    logFilesMax: Math.min(LOG_LIMITS.openFilesMax, Math.max(1, Math.floor(files * LOG_PART))),
  };
}

/** Node has raised the limit that is in force to the highest that it may have. */
export function openFilesMax(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}
