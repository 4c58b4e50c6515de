import { DataDirLock } from './data-dir-lock.ts';
import { type Disk, DiskFailure, type DiskOperation, type DiskReader, type RunResult } from './disk.ts';
import { fileReader } from './file-reader.ts';
import { IoLane } from './io-lane.ts';

/**
 * The machine's disk. Changes run in I/O threads with blocking calls: libuv's pool is shared with zlib, fs and crypto.
 * The second and the third thread start when they are first needed.
 */
export class RealDisk implements Disk {
  readonly reader: DiskReader = fileReader;
  readonly #openFilesMax: number;
  readonly #lane: IoLane;
  #laneBehind: IoLane | undefined;
  #laneApart: IoLane | undefined;
  #lock: DataDirLock | undefined;
  #closed = false;

  constructor(options: { readonly openFilesMax: number }) {
    this.#openFilesMax = options.openFilesMax;
    this.#lane = new IoLane('log-io', { openFilesMax: options.openFilesMax, closesFiles: false, isSlow: false });
  }

  async lock(dataDir: string): Promise<void> {
    this.#lock = await DataDirLock.take(dataDir);
  }

  run(operations: readonly DiskOperation[]): Promise<RunResult> {
    return this.#lane.run(operations);
  }

  runBehind(operations: readonly DiskOperation[]): Promise<RunResult> {
    if (this.#closed) return Promise.reject(closedDisk());
    this.#laneBehind ??= this.#lazyLane('log-io-behind', false);
    return this.#laneBehind.run(operations);
  }

  runApart(operations: readonly DiskOperation[]): Promise<RunResult> {
    if (this.#closed) return Promise.reject(closedDisk());
    this.#laneApart ??= this.#lazyLane('log-compaction', true);
    return this.#laneApart.run(operations);
  }

  #lazyLane(name: string, isSlow: boolean): IoLane {
    return new IoLane(name, { openFilesMax: this.#openFilesMax, closesFiles: true, isSlow });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#lane.close(), this.#laneBehind?.close(), this.#laneApart?.close()]);
    await this.#lock?.release();
    this.#lock = undefined;
  }
}

const closedDisk = (): DiskFailure => new DiskFailure('io', 'the disk is closed', 'run');
