import { resolve } from 'node:path';
import { HeadraceError, messageOf } from '../../base/error.ts';
import type { TopicKind } from '../../log/log.ts';
import type { SinkConnector } from '../connector.ts';
import { type RowForm, rowForm, sinkLine } from '../sink-line.ts';
import { SinkLoop } from '../sink-loop.ts';
import type { SinkParts } from '../sink-parts.ts';
import type { SinkBatch, SinkDelivery, SinkOpening, SinkProgress, SinkTarget } from '../sink-target.ts';
import type { FileSinkOptions } from './file-sink-options.ts';
import { openSinkFile, type SinkFile } from './sink-file.ts';

const NEWLINE = Buffer.from('\n');

/** How much of the file has been committed. */
export interface FileSinkState {
  readonly bytes: number;
}

/**
 * Writes lines, each once: a batch is durable before its position is committed with the length of the file, and what lies
 * beyond the committed length at the next start is cut off.
 */
class FileTarget implements SinkTarget<FileSinkState> {
  readonly fixedBatches = false;
  readonly keepsPosition = false;
  readonly #path: string;
  readonly #options: FileSinkOptions;
  readonly #kind: TopicKind;
  readonly #form: RowForm;
  readonly #open: (path: string) => Promise<SinkFile>;
  #file: SinkFile | undefined;

  constructor(path: string, options: FileSinkOptions, kind: TopicKind, open: (path: string) => Promise<SinkFile>) {
    this.#path = path;
    this.#options = options;
    this.#kind = kind;
    this.#form = rowForm(options.rows, kind);
    this.#open = open;
  }

  async open(stored: SinkProgress<FileSinkState> | undefined): Promise<SinkOpening<FileSinkState>> {
    return this.#doing('opening', async () => {
      await this.close();
      const file = await this.#open(this.#path);
      this.#file = file;
      const size = await file.size();
      const bytes = stored?.state.bytes ?? this.#lengthAtFirst(size);
      if (size < bytes) throw this.#changed(size, bytes);
      if (size > bytes) await file.truncate(bytes);
      return { state: { bytes } };
    });
  }

  async write({ records }: SinkBatch, { bytes }: FileSinkState): Promise<SinkDelivery<FileSinkState>> {
    const lines = records.flatMap((record) => {
      const line = sinkLine(record, this.#form, this.#kind);
      return line === undefined ? [] : [line, NEWLINE];
    });
    const text = Buffer.concat(lines);
    await this.#doing('writing', async () => {
      await this.#file!.write(text, bytes);
      await this.#file!.sync();
    });
    return { kind: 'delivered', state: { bytes: bytes + text.length }, refused: [] };
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  #lengthAtFirst(size: number): number {
    const { existing } = this.#options;
    if (size === 0 || existing === 'replace') return 0;
    if (existing === 'append') return size;
    throw new HeadraceError(`opening ${this.#path}: it holds ${size} bytes that this sink has not written`, {
      code: 'CONNECTOR_FILE_EXISTS',
      domain: 'connector',
      next: "move it away, or set existing = 'append' or 'replace'",
    });
  }

  #changed(size: number, bytes: number): HeadraceError {
    return new HeadraceError(`opening ${this.#path}: it holds ${size} bytes where ${bytes} were written`, {
      code: 'CONNECTOR_FILE_CHANGED',
      domain: 'connector',
      next: 'put the file back, or give the sink another name to write everything anew',
    });
  }

  /** What the disk refuses may pass: space comes back, somebody corrects the rights. */
  async #doing<Result>(what: string, action: () => Promise<Result>): Promise<Result> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof HeadraceError) throw error;
      throw new HeadraceError(`${what} ${this.#path}: ${messageOf(error)}`, {
        code: 'CONNECTOR_FILE_UNWRITABLE',
        domain: 'connector',
        retryable: true,
        cause: error,
        next: 'it is tried again; check the space on the disk and the rights of the folder',
      });
    }
  }
}

/** A sink that writes a topic to a file, each row once. `baseDir`: folder that a relative `path` is taken from. */
export function createFileSink(
  name: string,
  topic: string,
  options: FileSinkOptions,
  baseDir: string,
  parts: SinkParts,
  open: (path: string) => Promise<SinkFile> = openSinkFile,
): SinkConnector {
  const kind = parts.log.topic(topic)?.kind ?? 'append';
  return new SinkLoop({
    name,
    topic,
    identity: `file:${topic}:${options.path}`,
    target: new FileTarget(resolve(baseDir, options.path), options, kind, open),
    start: options.start,
    rowsMax: options.batchRows,
    bytesMax: options.batchBytes,
    waitMs: options.batchWait,
    retryMsMax: options.retryMax,
    ...parts,
  });
}
