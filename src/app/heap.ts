import { setFlagsFromString } from 'node:v8';

/**
 * How much the heap may grow, in percent, before old objects are collected again. The heap itself is small; what grows is
 * the memory behind the buffers that sockets are read into, and V8's default would collect everything for each 20 MB or so
 * of it: a sixth of the CPU time of ingest (docs/performance.md).
 */
const HEAP_GROWING_PERCENT = 400;

/** Sets how this process collects garbage; at its start. */
export function tuneHeap(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
}
