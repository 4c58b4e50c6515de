import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { readSection } from '../base/config/option-set.ts';
import { parseYaml } from '../base/config/yaml-section.ts';
import { createFileSink } from './file/file-sink.ts';
import { FILE_SINK_OPTIONS } from './file/file-sink-options.ts';
import { openSinkFile, type SinkFile } from './file/sink-file.ts';
import { createHttpSink, type HttpAnswer, type HttpRequest } from './http/http-sink.ts';
import { HTTP_SINK_OPTIONS } from './http/http-sink-options.ts';
import type { CertifiedSystem, SinkSubject } from './sink-certification.fixture.ts';
import { SINK_CERTIFICATION } from './sink-certification.fixture.ts';

const COMMON = 'batch_wait: 0 s\nretry_max: 20 ms';

/** Whether an attempt gets through. */
class Line {
  #busy = 0;
  #isBroken = false;

  busy(times: number): void {
    this.#busy = times;
  }

  break(): void {
    this.#isBroken = true;
  }

  heal(): void {
    this.#isBroken = false;
  }

  pass(): boolean {
    if (this.#isBroken) return false;
    if (this.#busy === 0) return true;
    this.#busy -= 1;
    return false;
  }
}

/** The rows that stand after lines of rows, or of changes. */
function standing(lines: readonly string[]): string[] {
  if (!lines.some((line) => line.startsWith('{"op":'))) return [...lines];
  const rows = new Map<string, string>();
  for (const line of lines) {
    const { op, key } = JSON.parse(line) as { readonly op: string; readonly key: string };
    if (op === 'delete') rows.delete(key);
    else rows.set(key, line.slice(line.indexOf(',"row":') + ',"row":'.length, -1));
  }
  return [...rows.values()];
}

const file: SinkSubject = {
  title: 'a file',
  refuses: false,
  fences: false,
  async system(): Promise<CertifiedSystem> {
    const line = new Line();
    let path = '';
    const openFile = async (at: string): Promise<SinkFile> => {
      if (!line.pass()) throw new Error('EIO: i/o error');
      const opened = await openSinkFile(at);
      const write: SinkFile['write'] = async (bytes, position) => {
        if (line.pass()) return opened.write(bytes, position);
        // A torn write.
        await opened.write(bytes.subarray(0, bytes.length >> 1), position);
        throw new Error('ENOSPC: no space left on device');
      };
      return { ...opened, write };
    };
    return {
      open(world, { batchRows }) {
        path = join(world.dir, 'rows.ndjson');
        const section = parseYaml(
          `path: rows.ndjson\nbatch_rows: ${batchRows}\nbatch_bytes: 16 MiB\n${COMMON}`,
          'sink',
        );
        return createFileSink('s', 'rows', readSection(FILE_SINK_OPTIONS, section), world.dir, world.parts, openFile);
      },
      rows: async () => standing(readFileSync(path, 'utf8').split('\n').slice(0, -1)),
      busy: (times) => line.busy(times),
      break: () => line.break(),
      heal: () => line.heal(),
      close: async () => {},
    };
  },
};

/** A receiver that knows a repeated request by its key; it takes a request whole or not at all. */
const http: SinkSubject = {
  title: 'an address over HTTP that honours Idempotency-Key',
  refuses: true,
  fences: false,
  async system(): Promise<CertifiedSystem> {
    const line = new Line();
    const seen = new Set<string>();
    const lines: string[] = [];
    const post = async ({ headers, body }: HttpRequest): Promise<HttpAnswer> => {
      if (!line.pass()) return { status: 503, text: '', retryAfterMs: undefined };
      const key = headers['idempotency-key']!;
      const rows = Buffer.from(body).toString().trimEnd().split('\n');
      if (rows.some((row) => row.includes('"n":-777}')))
        return { status: 422, text: 'not -777', retryAfterMs: undefined };
      if (!seen.has(key)) lines.push(...rows);
      seen.add(key);
      return { status: 200, text: '', retryAfterMs: undefined };
    };
    return {
      open(world, { batchRows }) {
        const yaml = `url: http://localhost/hook\nbatch_rows: ${batchRows}\nbatch_bytes: 16 MiB\n${COMMON}`;
        const options = readSection(HTTP_SINK_OPTIONS, parseYaml(yaml, 'sink'));
        return createHttpSink('s', 'rows', options, { ...world.parts, post });
      },
      rows: async () => standing(lines),
      busy: (times) => line.busy(times),
      break: () => line.break(),
      heal: () => line.heal(),
      close: async () => {},
    };
  },
};

for (const subject of [file, http]) {
  describe(subject.title, () => {
    for (const { title, applies, run } of SINK_CERTIFICATION) {
      if (applies === undefined || applies(subject)) it(title, () => run(subject), 30_000);
    }
  });
}
