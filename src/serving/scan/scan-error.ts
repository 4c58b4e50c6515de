import { HeadraceError } from '../../base/error.ts';
import type { UserFunction } from '../../engine/operator/row-evaluator.ts';
import { SCAN_GROUPS_MAX, SCAN_MEMORY_BYTES_MAX } from '../limits.ts';

export function tooManyGroups(): HeadraceError {
  return new HeadraceError(`running the query: it has more than ${SCAN_GROUPS_MAX} groups`, {
    code: 'SERVING_QUERY_MEMORY',
    domain: 'serving',
    next: 'group by less, filter more, or make it a materialized view',
  });
}

export function unreadable(topic: string, partition: number, from: number, reason: string): HeadraceError {
  return new HeadraceError(`reading ${topic}/${partition} from offset ${from}: a record batch is ${reason}`, {
    code: 'SERVING_READ_FAILED',
    domain: 'serving',
    next: reason === 'compressed' ? 'write it uncompressed' : 'check the disk, and restore the topic from a copy',
  });
}

/** Queries have no functions of users. */
export function noUserFunction(_module: string, name: string): UserFunction {
  throw new HeadraceError(`running the query: there is no function "${name}"`, {
    code: 'SERVING_QUERY_UNSUPPORTED',
    domain: 'serving',
    next: 'use it in a pipeline',
  });
}

export function outOfMemory(): HeadraceError {
  const megabytes = Math.floor(SCAN_MEMORY_BYTES_MAX / 1024 ** 2);
  return new HeadraceError(`running the query: it needs more than the ${megabytes} MiB that a thread may have`, {
    code: 'SERVING_QUERY_MEMORY',
    domain: 'serving',
    next: 'group by less, filter more, or make it a materialized view',
  });
}
