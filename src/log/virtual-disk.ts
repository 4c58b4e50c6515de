import { dirname, sep } from 'node:path';
import { HeadraceError } from '../base/error.ts';
import { derivation } from './derivation.ts';
import {
  type Derivation,
  type DerivedResult,
  type Disk,
  DiskFailure,
  type DiskOperation,
  type DiskReader,
  failureKind,
  type PlainOperation,
  type RunResult,
} from './disk.ts';

/** What a fault does to the operation that it hits. `short`: a write happens in two parts, with time in between. */
export type DiskFault = 'crash' | 'EIO' | 'ENOSPC' | 'short';

/** Who changes files beside the others: rounds, what goes on behind them, compaction, snapshots of a task. Within a lane all happens in order. */
export type DiskLane = 'rounds' | 'behind' | 'apart' | `snapshots${string}`;

export interface VirtualDiskOptions {
  /** Uniform in [0, 1); decides what a crash loses and where a write tears. */
  readonly random: () => number;
  /** Asked before every operation, numbered from 0; a fault may happen in its middle. */
  readonly fault?: (operation: PlainOperation, number: number) => DiskFault | undefined;
  /** Bytes that all files may take together. */
  readonly capacity?: number;
  /** Awaited before every operation: who owns the schedule decides when it takes effect. */
  readonly pace?: (lane: DiskLane) => Promise<void>;
  /** Asked before every read of a file. */
  readonly readFault?: (path: string) => 'EIO' | undefined;
}

/** Writes to the disk proper happen in sectors; a torn write stops, or is lost, between them. */
export const SECTOR_BYTES = 512;
/** Microtasks that the second lane waits at most before an operation. */
const BEHIND_PAUSES_MAX = 60;

/** The bytes with zeros behind them, or without their end; in the same memory where it has room, so that a file that grows is not copied each time. */
function resized(bytes: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  if (length <= bytes.buffer.byteLength) {
    const same = new Uint8Array(bytes.buffer, 0, length);
    if (length > bytes.length) same.fill(0, bytes.length);
    return same;
  }
  const larger = new Uint8Array(new ArrayBuffer(Math.max(length, 2 * bytes.length)), 0, length);
  larger.set(bytes);
  return larger;
}

/** A file as programs see it, and as the disk holds it. Pages differ between the two until a sync. */
class VirtualFile {
  cached = new Uint8Array(0);
  durable = new Uint8Array(0);
  /** Sectors written since the last sync. */
  readonly dirty = new Set<number>();
  /** Bits that have flipped and were not written over since, by position. */
  readonly flips = new Map<number, number>();

  write(position: number, bytes: Uint8Array): void {
    if (position + bytes.length > this.cached.length) this.setLength(position + bytes.length);
    this.#forgetFlips(position, position + bytes.length);
    this.cached.set(bytes, position);
    this.#touch(position, position + bytes.length);
  }

  setLength(length: number): void {
    const from = Math.min(length, this.cached.length);
    this.#forgetFlips(length, Number.POSITIVE_INFINITY);
    if (this.cached.buffer === this.durable.buffer) this.cached = this.cached.slice();
    this.cached = resized(this.cached, length);
    this.#touch(from, length);
  }

  #touch(from: number, to: number): void {
    for (let at = Math.floor(from / SECTOR_BYTES); at * SECTOR_BYTES < to; at++) this.dirty.add(at);
  }

  /** Flips a bit, or flips it back. */
  flip(position: number, mask: number): void {
    for (const bytes of [this.cached, this.durable]) if (position < bytes.length) bytes[position]! ^= mask;
    const left = (this.flips.get(position) ?? 0) ^ mask;
    if (left === 0) this.flips.delete(position);
    else this.flips.set(position, left);
  }

  /** What is written over is damaged no longer. */
  #forgetFlips(from: number, to: number): void {
    for (const [position, mask] of [...this.flips]) if (position >= from && position < to) this.flip(position, mask);
  }

  /** What a failed sync has marked clean stays as it is on the disk. */
  sync(): void {
    this.durable = resized(this.durable, this.cached.length);
    for (const sector of this.dirty) {
      const at = sector * SECTOR_BYTES;
      if (at < this.cached.length) this.durable.set(this.cached.subarray(at, at + SECTOR_BYTES), at);
    }
    this.dirty.clear();
  }

  /** After a power loss each dirty sector, and the length, has reached the disk or not, independently. */
  lose(random: () => number): void {
    const mode = random();
    const kept = (): boolean => (mode < 0.2 ? false : mode < 0.4 ? true : random() < 0.5);
    const length = kept() ? this.cached.length : this.durable.length;
    const after = new Uint8Array(length);
    after.set(this.durable.subarray(0, length));
    for (const sector of this.dirty) {
      const at = sector * SECTOR_BYTES;
      if (at >= length || !kept()) continue;
      after.set(this.cached.subarray(at, Math.min(at + SECTOR_BYTES, length)), at);
    }
    this.cached = after;
    this.durable = after.slice();
    this.dirty.clear();
  }
}

/**
 * A disk in memory that keeps apart what programs see (the page cache) and what is durable, and that crashes, tears,
 * loses and refuses. Names are durable only after their directory is synced, content only after the file is.
 */
export class VirtualDisk implements Disk {
  readonly reader: DiskReader;
  readonly #options: VirtualDiskOptions;
  /** Names as programs see them, and as the disk holds them; the files are shared by both. */
  #names = new Map<string, VirtualFile>();
  #durableNames = new Map<string, VirtualFile>();
  readonly #directories = new Set<string>();
  /** Those whose own name is durable. */
  readonly #durableDirectories = new Set<string>();
  #operations = 0;
  #crashed = false;
  #locked = false;
  readonly #lanes = new Map<DiskLane, Promise<unknown>>();
  /** Counts restarts and power losses. */
  #incarnation = 0;
  capacity: number;

  constructor(options: VirtualDiskOptions) {
    this.#options = options;
    this.capacity = options.capacity ?? Number.POSITIVE_INFINITY;
    this.reader = { open: (path) => this.#open(path), list: (path) => this.#list(path) };
  }

  /** Operations that have begun. */
  get operations(): number {
    return this.#operations;
  }

  get crashed(): boolean {
    return this.#crashed;
  }

  #open(path: string): ReturnType<DiskReader['open']> {
    const file = this.#names.get(path);
    if (file === undefined) return undefined;
    const { readFault } = this.#options;
    return {
      size: () => file.cached.length,
      read(target, offset, length, position) {
        const fault = readFault?.(path);
        if (fault !== undefined) throw Object.assign(new Error(`${fault}: i/o error, read`), { code: fault });
        const bytes = file.cached.subarray(position, position + length);
        target.set(bytes, offset);
        return bytes.length;
      },
      close() {},
    };
  }

  #list(path: string): readonly string[] {
    const names = new Set<string>();
    const inside = path + sep;
    for (const known of [...this.#names.keys(), ...this.#directories]) {
      if (known.startsWith(inside)) names.add(known.slice(inside.length).split(sep)[0]!);
    }
    return [...names].sort();
  }

  async lock(dataDir: string): Promise<void> {
    if (this.#locked) {
      throw new HeadraceError(`opening the data directory ${dataDir}: it is in use`, {
        code: 'LOG_LOCKED',
        domain: 'log',
        next: 'close the log that has it',
      });
    }
    this.#locked = true;
  }

  run(operations: readonly DiskOperation[]): Promise<RunResult> {
    return this.#run('rounds', operations, this.#incarnation);
  }

  runBehind(operations: readonly DiskOperation[]): Promise<RunResult> {
    return this.#run('behind', operations, this.#incarnation);
  }

  runApart(operations: readonly DiskOperation[]): Promise<RunResult> {
    return this.#run('apart', operations, this.#incarnation);
  }

  /** The disk as one process sees it: after a power loss or a restart nothing that it still does takes effect. */
  session(): Disk {
    const incarnation = this.#incarnation;
    return {
      reader: this.reader,
      lock: (dataDir) => this.lock(dataDir),
      run: (operations) => this.#run('rounds', operations, incarnation),
      runBehind: (operations) => this.#run('behind', operations, incarnation),
      runApart: (operations) => this.#run('apart', operations, incarnation),
      close: async () => {
        if (incarnation === this.#incarnation) await this.close();
      },
    };
  }

  /** The disk as the snapshots of one thread use it, beside the rounds; when that thread has ended, nothing it still does takes effect. */
  snapshotSession(thread = ''): Pick<Disk, 'reader' | 'run'> & { readonly end: () => void } {
    const incarnation = this.#incarnation;
    let ended = false;
    return {
      reader: this.reader,
      run: (operations) => this.#run(`snapshots${thread}`, operations, incarnation, () => ended),
      end: () => {
        ended = true;
      },
    };
  }

  #run(
    lane: DiskLane,
    operations: readonly DiskOperation[],
    incarnation: number,
    isOver: () => boolean = () => false,
  ): Promise<RunResult> {
    // Buffers are taken over at the call, as by a transfer; the effect comes later.
    const taken = operations.map((operation) =>
      operation.kind === 'write'
        ? { ...operation, buffers: operation.buffers.map((b) => Uint8Array.from(b)) }
        : operation,
    );
    const before = this.#lanes.get(lane) ?? Promise.resolve();
    const done = before.then(async () => {
      let derived: DerivedResult | undefined;
      for (const operation of taken) {
        const steps = operation.kind === 'derive' ? derivation(this.reader, operation.task) : plainly(operation);
        let step = steps.next();
        for (; step.done !== true; step = steps.next()) {
          for (const plain of step.value) {
            const pause = this.#pause(lane);
            if (pause !== undefined) await pause;
            if (isOver()) throw new DiskFailure('io', 'ENDED', plain.kind);
            if (this.#step(plain, incarnation) === 'short') await this.#finishShort(plain, lane, incarnation);
          }
        }
        derived = step.value ?? derived;
      }
      return { syncMs: 0, derived };
    });
    this.#lanes.set(
      lane,
      done.catch(() => undefined),
    );
    return done;
  }

  /** Without somebody who owns the schedule, rounds do not wait, and what goes on behind them gives way now and then. */
  #pause(lane: DiskLane): Promise<void> | undefined {
    const { pace, random } = this.#options;
    if (pace !== undefined) return pace(lane);
    return lane === 'behind' || lane === 'apart' ? turns(Math.floor(random() * BEHIND_PAUSES_MAX)) : undefined;
  }

  async #finishShort(operation: PlainOperation, lane: DiskLane, incarnation: number): Promise<void> {
    await this.#pause(lane);
    this.#requireAlive(operation, incarnation);
    this.#apply(operation);
  }

  #requireAlive(operation: PlainOperation, incarnation: number): void {
    if (this.#crashed || incarnation !== this.#incarnation) throw new DiskFailure('io', 'CRASHED', operation.kind);
  }

  #step(operation: PlainOperation, incarnation: number): DiskFault | undefined {
    this.#requireAlive(operation, incarnation);
    const number = this.#operations++;
    const fault = this.#options.fault?.(operation, number);
    if (fault === undefined || (fault === 'short' && operation.kind !== 'write')) {
      this.#apply(operation);
      return undefined;
    }
    this.#applyPart(operation);
    if (fault === 'short') return fault;
    if (fault === 'crash') this.#crashed = true;
    // A failed fsync leaves its pages marked clean: what was dirty may be lost, and a second fsync says nothing.
    if (operation.kind === 'sync' && fault !== 'crash') this.#failSync(operation.path);
    const code = fault === 'crash' ? 'CRASHED' : fault;
    throw new DiskFailure(failureKind(operation.kind, code), code, operation.kind);
  }

  #failSync(path: string): void {
    const file = this.#names.get(path);
    if (file === undefined) return;
    for (const sector of [...file.dirty]) if (this.#options.random() < 0.5) file.dirty.delete(sector);
  }

  /** A write that fails may have happened in part; a crash in a rename or a sync may have let it happen. */
  #applyPart(operation: PlainOperation): void {
    const { random } = this.#options;
    if (operation.kind === 'write') {
      const bytes = Buffer.concat(operation.buffers);
      const written = Math.floor(random() * (bytes.length + 1));
      this.#file(operation.path).write(operation.position, bytes.subarray(0, written));
    } else if (operation.kind !== 'sync' && operation.kind !== 'sync-directory' && random() < 0.5) {
      this.#apply(operation);
    }
  }

  #apply(operation: PlainOperation): void {
    switch (operation.kind) {
      case 'write':
        this.#write(operation.path, operation.position, Buffer.concat(operation.buffers));
        return;
      case 'set-length':
        this.#file(operation.path).setLength(operation.length);
        return;
      case 'sync':
        this.#names.get(operation.path)?.sync();
        return;
      case 'sync-directory':
        this.#syncDirectory(operation.path);
        return;
      case 'make-directory':
        this.#makeDirectory(operation.path);
        return;
      case 'rename':
        this.#rename(operation.from, operation.to);
        return;
      case 'remove':
        this.#remove(operation.path);
        return;
      case 'release':
        return;
    }
  }

  #write(path: string, position: number, bytes: Uint8Array): void {
    const file = this.#file(path);
    const left = this.capacity - this.usedBytes();
    const more = position + bytes.length - file.cached.length;
    if (more > left) {
      file.write(position, bytes.subarray(0, Math.max(0, bytes.length - (more - Math.max(0, left)))));
      throw new DiskFailure('full', 'ENOSPC', 'write');
    }
    file.write(position, bytes);
  }

  #rename(from: string, to: string): void {
    const file = this.#names.get(from);
    if (file === undefined) throw new DiskFailure('io', 'ENOENT', 'rename');
    this.#names.set(to, file);
    this.#names.delete(from);
  }

  #makeDirectory(path: string): void {
    if (this.#directories.has(path) || dirname(path) === path) return;
    this.#makeDirectory(dirname(path));
    this.#directories.add(path);
  }

  #file(path: string): VirtualFile {
    let file = this.#names.get(path);
    if (file === undefined) {
      file = new VirtualFile();
      this.#names.set(path, file);
    }
    return file;
  }

  #syncDirectory(path: string): void {
    for (const known of [...this.#durableNames.keys()]) {
      if (dirname(known) === path && !this.#names.has(known)) this.#durableNames.delete(known);
    }
    for (const [name, file] of this.#names) if (dirname(name) === path) this.#durableNames.set(name, file);
    for (const name of this.#durableDirectories) {
      if (dirname(name) === path && !this.#directories.has(name)) this.#durableDirectories.delete(name);
    }
    for (const name of this.#directories) if (dirname(name) === path) this.#durableDirectories.add(name);
  }

  #remove(path: string): void {
    for (const name of [...this.#names.keys()]) {
      if (name === path || name.startsWith(path + sep)) this.#names.delete(name);
    }
    this.#removeUnder(path);
  }

  #removeUnder(path: string): void {
    for (const name of [...this.#directories]) {
      if (name !== path && !name.startsWith(path + sep)) continue;
      this.#directories.delete(name);
      this.#durableDirectories.delete(name);
    }
  }

  usedBytes(): number {
    let bytes = 0;
    for (const file of this.#names.values()) bytes += file.cached.length;
    return bytes;
  }

  async close(): Promise<void> {
    await Promise.all([this.#lanes.get('behind'), this.#lanes.get('apart')]);
    this.#locked = false;
  }

  /** Power loss: unsynced sectors and names survive or not, at random. The disk can then be used by a new owner. */
  powerLoss(): void {
    const { random } = this.#options;
    const names = new Map<string, VirtualFile>();
    for (const name of new Set([...this.#durableNames.keys(), ...this.#names.keys()])) {
      const durable = this.#durableNames.get(name);
      const seen = this.#names.get(name);
      const file = durable === seen || random() < 0.5 ? durable : seen;
      if (file !== undefined) names.set(name, file);
    }
    for (const directory of [...this.#directories].sort()) {
      if (this.#durableDirectories.has(directory) || random() < 0.5) continue;
      this.#removeUnder(directory);
      for (const name of [...names.keys()]) if (name.startsWith(directory + sep)) names.delete(name);
    }
    for (const file of new Set(names.values())) file.lose(random);
    this.#names = names;
    this.#durableNames = new Map(names);
    this.restart();
  }

  /** The process ends and the machine goes on: the page cache stays. */
  restart(): void {
    this.#incarnation++;
    this.#crashed = false;
    this.#locked = false;
    this.#lanes.clear();
  }

  /** A bit of a file that is at rest flips; false when the file is being written, or has no such byte. */
  flip(path: string, position: number, bit: number): boolean {
    const file = this.#names.get(path);
    if (file === undefined || file.dirty.size > 0 || position >= file.cached.length) return false;
    file.flip(position, 1 << bit);
    return true;
  }

  /** Nothing of the file waits for a sync. */
  isSynced(path: string): boolean {
    return this.#names.get(path)?.dirty.size === 0;
  }

  /** What programs see of a file, without a fault. */
  peek(path: string): Uint8Array {
    return this.#names.get(path)?.cached ?? new Uint8Array(0);
  }

  /** Flips back what has flipped and was not written over: the file was restored from a copy. */
  heal(): void {
    for (const file of new Set([...this.#names.values(), ...this.#durableNames.values()])) {
      for (const [position, mask] of [...file.flips]) file.flip(position, mask);
    }
  }

  /** Bits that are flipped now. */
  get damaged(): number {
    let count = 0;
    for (const file of this.#names.values()) count += file.flips.size;
    return count;
  }

  /** Length of a file; 0 when it is not there. */
  lengthOf(path: string): number {
    return this.#names.get(path)?.cached.length ?? 0;
  }

  /** The content of a file, to damage it: what is changed here is durable. */
  content(path: string): Uint8Array {
    const file = this.#file(path);
    file.dirty.clear();
    file.durable = file.cached;
    return file.cached;
  }

  setContent(path: string, bytes: Uint8Array): void {
    const file = this.#file(path);
    file.cached = Uint8Array.from(bytes);
    file.durable = file.cached.slice();
    file.dirty.clear();
    this.#durableNames.set(path, file);
  }

  /** Another disk with the same content, all of it durable. */
  copy(options: VirtualDiskOptions): VirtualDisk {
    const copy = new VirtualDisk(options);
    for (const [name, file] of this.#names) copy.setContent(name, file.cached);
    for (const directory of this.#directories) {
      copy.#directories.add(directory);
      copy.#durableDirectories.add(directory);
    }
    return copy;
  }

  paths(): readonly string[] {
    return [...this.#names.keys()].sort();
  }
}

function* plainly(operation: PlainOperation): Derivation {
  yield [operation];
  return undefined;
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await Promise.resolve();
}
