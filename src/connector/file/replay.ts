import { basename } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { HeadraceError } from '../../base/error.ts';
import type { Ingest, IngestFormat, Reject } from '../../ingest/ingest.ts';
import type { SourceStep } from '../source-loop.ts';
import { malformedLine } from './bounded-read.ts';
import { type CombinedRequest, combinedEvent, parseCombinedLine } from './combined-log.ts';
import type { FileSourceOptions } from './file-source-options.ts';
import { firstRecordEnd, linesOf } from './line-chunk.ts';
import { CONNECTOR_PRINCIPAL, type PositionLedger } from './position.ts';
import type { SourceFile } from './source-file.ts';

/** A replayed file is held in memory. */
export const REPLAY_FILE_BYTES_MAX = 256 * 1024 * 1024;
/** Time between two requests to ingest. */
export const REPLAY_TICK_MS = 50;
/** The first burst comes soon, so that whoever starts the demo sees one. */
export const FIRST_BURST_MS = 20_000;
/** What could not be sent in time (a full disk, a sleeping laptop) is not made up for beyond this. */
const BEHIND_MS_MAX = 1_000;
/** A failed request, for the bursts. */
const ERROR_STATUS_MIN = 400;

/** Where a replay goes on: the next line of the present pass, and the same for the failed requests of the bursts. */
export interface ReplayPosition {
  readonly pass: number;
  readonly line: number;
  readonly burstPass: number;
  readonly burstLine: number;
  /** Records sent in all; what is random is drawn from it. */
  readonly sent: number;
}

interface ReplayLine {
  readonly bytes: Uint8Array;
  /** From 1. */
  readonly number: number;
  /** Undefined for a line that is none of the format. */
  readonly request: CombinedRequest | undefined;
}

/**
 * Replays a file as live traffic: `rate` records a second, over and over.
 *
 * A `combined` log gets new times and ids: event time is the present less a random time up to `disorder`; the id is
 * `file:line:pass`. Its lines come in their order. For `burst_length` out of every `burst_every`, `burst_percent` of the
 * records are instead drawn from the file's own failed requests (status 400 and above), in their order, with ids
 * `file:line:burst-pass`: errors are made more frequent, none is invented. NDJSON and CSV (records of one line) are sent as they are.
 */
export class Replay {
  readonly #options: FileSourceOptions;
  readonly #ingest: Ingest;
  readonly #clock: Clock;
  readonly #ledger: PositionLedger<ReplayPosition>;
  readonly #lines: readonly ReplayLine[];
  readonly #failed: readonly ReplayLine[];
  readonly #csvHeader: Uint8Array | undefined;
  readonly #startedMs: number;
  #position: ReplayPosition;
  /** When the records sent so far were due, in milliseconds since the start. */
  #dueMs = 0;

  constructor(
    file: SourceFile,
    options: FileSourceOptions,
    ingest: Ingest,
    clock: Clock,
    ledger: PositionLedger<ReplayPosition>,
  ) {
    this.#options = options;
    this.#ingest = ingest;
    this.#clock = clock;
    this.#ledger = ledger;
    const content = readWhole(file, options.path);
    const headerBytes = options.format === 'csv' ? firstRecordEnd(content) : 0;
    this.#csvHeader = options.format === 'csv' ? content.subarray(0, headerBytes) : undefined;
    this.#lines = replayLines(content.subarray(headerBytes), options.format === 'combined');
    if (this.#lines.length === 0) throw emptyFile(options.path);
    this.#failed = this.#lines.filter(({ request }) => (request?.status ?? 0) >= ERROR_STATUS_MIN);
    this.#position = ledger.read() ?? { pass: 1, line: 0, burstPass: 1, burstLine: 0, sent: 0 };
    this.#startedMs = clock.monotonicMs();
  }

  async step(): Promise<SourceStep> {
    const elapsed = this.#clock.monotonicMs() - this.#startedMs;
    const from = Math.max(this.#dueMs, elapsed - BEHIND_MS_MAX);
    const due = Math.floor(((elapsed - from) * this.#options.rate) / 1000);
    if (due === 0) return { records: 0, refused: 0, next: { kind: 'after', delayMs: REPLAY_TICK_MS } };
    const { body, format, rejects, position } = this.#draw(due, elapsed);
    const result = await this.#ingest.accept({
      topic: this.#options.topic,
      principal: CONNECTOR_PRINCIPAL,
      body,
      format,
      idempotencyKey: undefined,
      rejects,
      puts: [this.#ledger.put(position)],
    });
    this.#position = position;
    this.#dueMs = from + (due * 1000) / this.#options.rate;
    return { records: result.accepted, refused: result.refused, next: { kind: 'after', delayMs: REPLAY_TICK_MS } };
  }

  #draw(
    count: number,
    elapsedMs: number,
  ): { body: Uint8Array; format: IngestFormat; rejects: readonly Reject[]; position: ReplayPosition } {
    const isBurst = this.#isBurst(elapsedMs);
    const rejects: Reject[] = [];
    const events: Uint8Array[] = [];
    const now = this.#clock.now();
    let { pass, line, burstPass, burstLine, sent } = this.#position;
    for (let i = 0; i < count; i++, sent++) {
      const drawn = isBurst && this.#random(sent, 1) * 100 < this.#options.burstPercent;
      const source = drawn ? this.#failed[burstLine++]! : this.#lines[line++]!;
      const turn = drawn ? `burst-${burstPass}` : String(pass);
      if (this.#options.format !== 'combined') events.push(source.bytes);
      else if (source.request === undefined) rejects.push(malformedLine(source.bytes, source.number));
      else events.push(this.#event(source.request, `${source.number}:${turn}`, now - this.#disorderMs(sent)));
      if (line === this.#lines.length) {
        line = 0;
        pass++;
      }
      if (burstLine > 0 && burstLine === this.#failed.length) {
        burstLine = 0;
        burstPass++;
      }
    }
    return { ...this.#bodyOf(events), rejects, position: { pass, line, burstPass, burstLine, sent } };
  }

  #event(request: CombinedRequest, lineAndTurn: string, timeMs: number): Uint8Array {
    return Buffer.from(combinedEvent(request, `${basename(this.#options.path)}:${lineAndTurn}`, timeMs));
  }

  #bodyOf(records: readonly Uint8Array[]): { body: Uint8Array; format: IngestFormat } {
    const parts = records.flatMap((record) => [record, NEWLINE]);
    if (this.#csvHeader === undefined) return { body: Buffer.concat(parts), format: 'ndjson' };
    return { body: Buffer.concat([this.#csvHeader, ...parts]), format: 'csv' };
  }

  #isBurst(elapsedMs: number): boolean {
    const { burstEvery, burstLength } = this.#options;
    if (burstEvery === 0 || this.#failed.length === 0 || elapsedMs < FIRST_BURST_MS) return false;
    return (elapsedMs - FIRST_BURST_MS) % burstEvery < burstLength;
  }

  #disorderMs(sent: number): number {
    return Math.floor(this.#random(sent, 2) * this.#options.disorder);
  }

  /** From 0 up to 1, the same for the same seed, record and purpose. */
  #random(sent: number, purpose: number): number {
    let x = (sent ^ Math.imul(this.#options.seed + purpose, 0x9e3779b9)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
  }
}

const NEWLINE = Uint8Array.of(0x0a);

function readWhole(file: SourceFile, path: string): Uint8Array {
  const size = file.size();
  if (size <= REPLAY_FILE_BYTES_MAX) return file.read(0, size);
  throw new HeadraceError(`replaying ${path}: it has ${size} bytes, ${REPLAY_FILE_BYTES_MAX} are allowed`, {
    code: 'CONNECTOR_FILE_TOO_LARGE',
    domain: 'connector',
    next: 'replay a part of it, or read it with "mode: bounded"',
  });
}

function replayLines(content: Uint8Array, combined: boolean): readonly ReplayLine[] {
  const lines: ReplayLine[] = [];
  linesOf(content).forEach((bytes, index) => {
    if (bytes.length === 0) return;
    const text = combined ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8') : '';
    lines.push({ bytes, number: index + 1, request: combined ? parseCombinedLine(text) : undefined });
  });
  return lines;
}

function emptyFile(path: string): HeadraceError {
  return new HeadraceError(`replaying ${path}: it has no records`, {
    code: 'CONNECTOR_FILE_EMPTY',
    domain: 'connector',
    next: 'name another file as the "path" of the connector',
  });
}
