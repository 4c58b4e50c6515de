import type { PlainOperation } from '../../src/log/disk.ts';
import type { DiskFault } from '../../src/log/virtual-disk.ts';
import type { Trace } from './schedule.ts';

/** Kinds of faults, as they are counted and reported. */
export const FAULT_KINDS = [
  'process crash',
  'power loss',
  'crash in an operation',
  'short write',
  'EIO on write',
  'EIO on fsync',
  'EIO, sticky',
  'EIO on read',
  'EIO on read, sticky',
  'disk full',
  'disk full for snapshots',
  'bit flip',
  'clock jump',
  'slow lane',
  'version cut over',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Parts of the data directory that a fault may choose. */
const PARTS = ['/commit/', '/topics/', '/snapshots/'] as const;
/** While a process runs, it is topics that are read. */
const READ_PARTS = ['/commit/', '/topics/', '/topics/', '/snapshots/'] as const;

interface Armed {
  readonly kind: FaultKind;
  readonly fault: DiskFault;
  readonly matches: (operation: PlainOperation) => boolean;
  /** Operations that match and are spared before. */
  spare: number;
  /** Operations that are hit. */
  left: number;
}

/** What the disk is to do wrong, and when; what was done is counted. */
export class FaultPlan {
  readonly counts = new Map<FaultKind, number>();
  readonly #below: (count: number) => number;
  readonly #trace: Trace;
  readonly #armed: Armed[] = [];
  #reads: { readonly kind: FaultKind; readonly part: string; spare: number; left: number } | undefined;

  constructor(below: (count: number) => number, trace: Trace) {
    this.#below = below;
    this.#trace = trace;
  }

  count(kind: FaultKind): void {
    this.#trace.add(`fault: ${kind}`);
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  /** Nothing goes wrong from now on. */
  clear(): void {
    this.#armed.length = 0;
    this.#reads = undefined;
  }

  get active(): boolean {
    return this.#armed.length > 0 || this.#reads !== undefined;
  }

  armCrash(withinOperations: number): void {
    this.#arm('crash in an operation', 'crash', () => true, withinOperations, 1);
  }

  armShortWrites(): void {
    this.#arm('short write', 'short', ({ kind }) => kind === 'write', 10, 1 + this.#below(10));
  }

  armWriteFailure(): void {
    const onSync = this.#below(2) === 0;
    const kinds: readonly string[] = onSync ? ['sync', 'sync-directory'] : ['write', 'set-length', 'rename', 'remove'];
    const part = PARTS[this.#below(PARTS.length)]!;
    const sticky = this.#below(4) === 0;
    const kind = sticky ? 'EIO, sticky' : onSync ? 'EIO on fsync' : 'EIO on write';
    const matches = (operation: PlainOperation): boolean =>
      kinds.includes(operation.kind) && pathOf(operation).includes(part);
    this.#arm(kind, 'EIO', matches, 8, sticky ? Number.POSITIVE_INFINITY : 1);
  }

  armFullSnapshots(): void {
    const matches = (operation: PlainOperation): boolean =>
      operation.kind === 'write' && pathOf(operation).includes('/snapshots/');
    this.#arm('disk full for snapshots', 'ENOSPC', matches, 4, 1 + this.#below(6));
  }

  armReadFailure(): void {
    const sticky = this.#below(3) === 0;
    this.#reads = {
      kind: sticky ? 'EIO on read, sticky' : 'EIO on read',
      part: READ_PARTS[this.#below(READ_PARTS.length)]!,
      spare: this.#below(6),
      left: sticky ? Number.POSITIVE_INFINITY : 1,
    };
  }

  #arm(kind: FaultKind, fault: DiskFault, matches: Armed['matches'], spareMax: number, left: number): void {
    this.#armed.push({ kind, fault, matches, spare: this.#below(spareMax), left });
  }

  /** Asked before every operation of the disk. */
  faultOf(operation: PlainOperation): DiskFault | undefined {
    this.#trace.add(`${operation.kind} ${pathOf(operation)}`);
    for (const [at, armed] of this.#armed.entries()) {
      if (!armed.matches(operation) || armed.spare-- > 0) continue;
      if (--armed.left <= 0) this.#armed.splice(at, 1);
      this.count(armed.kind);
      return armed.fault;
    }
    return undefined;
  }

  /** Asked before every read. */
  readFaultOf(path: string): 'EIO' | undefined {
    const reads = this.#reads;
    if (reads === undefined || !path.includes(reads.part) || reads.spare-- > 0) return undefined;
    if (--reads.left <= 0) this.#reads = undefined;
    this.count(reads.kind);
    return 'EIO';
  }
}

function pathOf(operation: PlainOperation): string {
  return operation.kind === 'rename' ? operation.to : operation.path;
}
