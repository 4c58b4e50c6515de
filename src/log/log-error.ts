import { HeadraceError, messageOf } from '../base/error.ts';
import { DiskFailure, failureKind } from './disk.ts';

/** Errors of the log that come from the disk below it. */

/** Writing has ended: what the disk holds is no longer known. */
export function writeFailed(dataDir: string, cause: unknown): HeadraceError {
  return new HeadraceError(`writing the log in ${dataDir}: ${messageOf(cause)}`, {
    code: 'LOG_WRITE_FAILED',
    domain: 'log',
    cause,
    next: 'nothing more is written; check the disk (dmesg, smartctl), then restart: what was acknowledged is recovered',
  });
}

/** Nothing was changed; reads go on. */
export function diskFull(action: string, cause: unknown): HeadraceError {
  return new HeadraceError(`${action}: no space left on the disk`, {
    code: 'LOG_DISK_FULL',
    domain: 'log',
    retryable: true,
    cause,
    next: 'free space or shorten the retention of large topics; writing goes on by itself',
  });
}

const RIGHTS_CODES: readonly string[] = ['EACCES', 'EPERM', 'EROFS'];

/** Opening the log failed at the disk. Nothing was exposed; the next start tries again. */
export function openFailed(dataDir: string, cause: unknown): HeadraceError {
  if (cause instanceof HeadraceError) return cause;
  const action = `opening the data directory ${dataDir}`;
  const code = systemCodeOf(cause);
  if (failureKind('write', code) === 'full') {
    return new HeadraceError(`${action}: no space left on the disk to finish what a crash interrupted`, {
      code: 'LOG_DISK_FULL',
      domain: 'log',
      retryable: true,
      cause,
      next: 'free space, then start again: nothing acknowledged is lost',
    });
  }
  return new HeadraceError(`${action}: ${messageOf(cause)}`, {
    code: 'LOG_OPEN_FAILED',
    domain: 'log',
    cause,
    next: RIGHTS_CODES.includes(code)
      ? 'give this user the right to write there, or choose another directory with --data-dir'
      : 'check the path and the disk (dmesg, smartctl), then start again: what was acknowledged is recovered',
  });
}

/** A read that the system refused; what is in memory and on disk is unchanged. */
export function readFailed(action: string, cause: unknown): HeadraceError {
  return new HeadraceError(`${action}: ${messageOf(cause)}`, {
    code: 'LOG_READ_FAILED',
    domain: 'log',
    cause,
    next: 'check the disk (dmesg, smartctl); if it is sound, try again, else restore the file from a copy',
  });
}

/** A newer program wrote this: it is refused before anything is changed. */
export function versionUnknown(action: string, version: number, known: number): HeadraceError {
  return new HeadraceError(`${action}: its format version is ${version}, this program knows up to ${known}`, {
    code: 'LOG_VERSION_UNKNOWN',
    domain: 'log',
    next: 'use the newer version of Headrace that wrote it; nothing was changed',
  });
}

/** Of before the first release. */
export function versionTooOld(path: string, version: number): HeadraceError {
  return new HeadraceError(`opening ${path}: it has format version ${version}, of before the first release`, {
    code: 'LOG_VERSION_UNKNOWN',
    domain: 'log',
    next: 'choose a new data directory and load the data again; nothing was changed',
  });
}

export function closedLog(dataDir: string): HeadraceError {
  return new HeadraceError(`writing the log in ${dataDir}: it is closed`, {
    code: 'LOG_CLOSED',
    domain: 'log',
    next: 'open it again',
  });
}

function systemCodeOf(cause: unknown): string {
  if (cause instanceof DiskFailure) return cause.systemCode;
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
}
