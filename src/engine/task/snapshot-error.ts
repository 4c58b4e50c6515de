import { HeadraceError } from '../../base/error.ts';

/** A snapshot whose bytes are whole, and do not belong to the task that reads them. */
export function badSnapshot(why: string): HeadraceError {
  return new HeadraceError(`reading a snapshot: ${why}`, {
    code: 'ENGINE_SNAPSHOT_INVALID',
    domain: 'engine',
    next: 'rebuild the pipeline from its inputs',
  });
}
