import { basename } from 'node:path';
import type { Ingest, IngestFormat, Reject } from '../../ingest/ingest.ts';
import type { SourceStep } from '../source-loop.ts';
import { combinedEvent, parseCombinedLine } from './combined-log.ts';
import type { FileSourceOptions } from './file-source-options.ts';
import { firstRecordEnd, linesOf, readChunk } from './line-chunk.ts';
import { CONNECTOR_PRINCIPAL, type PositionLedger } from './position.ts';
import type { SourceFile } from './source-file.ts';

/** Where a bounded read goes on. */
export interface BoundedPosition {
  readonly offset: number;
  /** Lines before it. */
  readonly lines: number;
}

interface Body {
  readonly body: Uint8Array;
  readonly format: IngestFormat;
  readonly rejects: readonly Reject[];
}

/** Reads a file once, from where it was left to its end; each chunk is committed with the position after it. */
export class BoundedRead {
  readonly #file: SourceFile;
  readonly #options: FileSourceOptions;
  readonly #ingest: Ingest;
  readonly #ledger: PositionLedger<BoundedPosition>;
  #position: BoundedPosition;
  #header: Uint8Array | undefined;

  constructor(file: SourceFile, options: FileSourceOptions, ingest: Ingest, ledger: PositionLedger<BoundedPosition>) {
    this.#file = file;
    this.#options = options;
    this.#ingest = ingest;
    this.#ledger = ledger;
    this.#position = ledger.read() ?? { offset: 0, lines: 0 };
  }

  async step(): Promise<SourceStep> {
    const { format, topic } = this.#options;
    let { offset, lines } = this.#position;
    if (format === 'csv' && offset === 0) {
      offset = this.#csvHeader().length;
      lines = linesOf(this.#csvHeader()).length;
    }
    const chunk = readChunk(this.#file, offset, format === 'csv');
    if (chunk.length === 0) return { records: 0, refused: 0, next: { kind: 'done' } };
    const chunkLines = linesOf(chunk);
    const next: BoundedPosition = { offset: offset + chunk.length, lines: lines + chunkLines.length };
    const result = await this.#ingest.accept({
      ...this.#bodyOf(chunk, chunkLines, lines),
      topic,
      principal: CONNECTOR_PRINCIPAL,
      idempotencyKey: undefined,
      puts: [this.#ledger.put(next)],
    });
    this.#position = next;
    return { records: result.accepted, refused: result.refused, next: { kind: 'after', delayMs: 0 } };
  }

  #bodyOf(chunk: Uint8Array, lines: readonly Uint8Array[], linesBefore: number): Body {
    const { format, path } = this.#options;
    if (format === 'ndjson') return { body: chunk, format, rejects: [] };
    if (format === 'csv') return { body: Buffer.concat([this.#csvHeader(), chunk]), format, rejects: [] };
    const events: string[] = [];
    const rejects: Reject[] = [];
    for (let i = 0; i < lines.length; i++) {
      const bytes = lines[i]!;
      const line = linesBefore + i + 1;
      if (bytes.length === 0) continue;
      const request = parseCombinedLine(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
      if (request === undefined) rejects.push(malformedLine(bytes, line));
      else events.push(combinedEvent(request, `${basename(path)}:${line}:1`, request.timeMs));
    }
    return { body: Buffer.from(events.join('\n')), format: 'ndjson', rejects };
  }

  /** The first record of the file, with a newline. */
  #csvHeader(): Uint8Array {
    if (this.#header === undefined) {
      const start = readChunk(this.#file, 0, true);
      this.#header = start.slice(0, firstRecordEnd(start));
    }
    return this.#header;
  }
}

export function malformedLine(bytes: Uint8Array, line: number): Reject {
  return { bytes, line, reason: 'malformed', message: 'not a whole line of the combined log format' };
}
