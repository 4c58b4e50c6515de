import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePipelines, decodeTopics } from '../src/api/decode.ts';
import { decodeError } from '../src/api/error.ts';
import { EventStreamParser } from '../src/api/event-stream.ts';
import { parseJson } from '../src/api/json.ts';
import type { LiveFrame } from '../src/api/types.ts';
import { formatCount, formatSpan, hexDump } from '../src/state/format.ts';
import { HISTORY_POINTS_MAX, History, RateMeter } from '../src/state/history.ts';
import { LIVE_ROWS_MAX, LiveTable } from '../src/state/live-table.ts';
import { windowSeries } from '../src/state/window-series.ts';

const frame = (op: LiveFrame['op'], key: string | null, row: LiveFrame['row'], offset = ''): LiveFrame => ({
  op,
  key,
  row,
  offset,
});

describe('event stream', () => {
  it('finds the same events wherever the text is cut', () => {
    const text = ': hello\n\nid: 0:7\ndata: {"a":1}\n\nevent: error\r\ndata: x\r\ndata: y\r\n\r\nretry: 5\n\n';
    const whole = new EventStreamParser().push(text);
    expect(whole).toEqual([
      { event: 'message', data: '{"a":1}', id: '0:7' },
      { event: 'error', data: 'x\ny', id: '0:7' },
    ]);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 12 }), (cuts) => {
        const parser = new EventStreamParser();
        const places = [0, ...cuts.sort((a, b) => a - b), text.length];
        const events = places.slice(1).flatMap((end, i) => parser.push(text.slice(places[i], end)));
        expect(events).toEqual(whole);
      }),
    );
  });
});

describe('live table', () => {
  it('marks what a change altered, and nothing of the snapshot', () => {
    const table = new LiveTable();
    table.apply([frame('snapshot', 'k', { n: 1, s: 'a' }), frame('caught-up', null, null, '0:1')], 0);
    expect(table.rows()[0]?.changed.size).toBe(0);
    table.apply([frame('upsert', 'k', { n: 2, s: 'a' }, '0:2')], 1);
    expect([...(table.rows()[0]?.changed ?? [])]).toEqual(['n']);
  });

  it('removes a row that was deleted', () => {
    const table = new LiveTable();
    table.apply([frame('snapshot', 'k', { n: 1 }), frame('delete', 'k', null, '0:2')], 0);
    expect(table.size).toBe(0);
  });

  it('keeps a bounded number of rows, those changed last, and counts the others', () => {
    const table = new LiveTable();
    const frames = Array.from({ length: LIVE_ROWS_MAX + 5 }, (_, i) => frame('upsert', `k${i}`, { i }, `0:${i}`));
    table.apply(frames, 0);
    expect([table.size, table.droppedRows, table.rows()[0]?.key]).toEqual([LIVE_ROWS_MAX, 5, 'k5']);
  });
});

describe('rates and history', () => {
  it('gives no rate at the first reading, and none across a restart', () => {
    const meter = new RateMeter();
    expect(meter.read('rows', 100, 0)).toBeUndefined();
    expect(meter.read('rows', 300, 1000)).toBe(200);
    expect(meter.read('rows', 10, 2000)).toBeUndefined();
  });

  it('keeps an hour', () => {
    const history = new History();
    const point = {
      ingested: 1,
      processed: 1,
      latencyP50Ms: 1,
      latencyP99Ms: 1,
      lagRecords: 0,
      deadLetters: 0,
      fsyncP99Ms: 1,
      memoryBytes: 1,
    };
    for (let i = 0; i < HISTORY_POINTS_MAX * 3; i += 1) history.add({ atMs: i * 1000, ...point });
    expect(history.points.length).toBeLessThanOrEqual(HISTORY_POINTS_MAX * 1.1);
    expect(history.since((HISTORY_POINTS_MAX * 3 - 10) * 1000)).toHaveLength(10);
  });
});

describe('series of a windowed column', () => {
  const at = (minute: number, section: string, requests: unknown) => ({
    window_start: `2026-01-01T00:0${minute}:00.000Z`,
    section,
    requests,
  });

  it('sums rows of the same window when nothing splits them', () => {
    const data = windowSeries([at(1, 'b', 3), at(0, 'a', 1), at(1, 'a', '4')], 'window_start', 'requests', undefined);
    expect(data.series).toEqual([{ label: 'requests', values: [1, 7] }]);
  });

  it('draws the largest lines and sums the rest', () => {
    const rows = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((section, i) => at(0, section, 10 - i));
    const labels = windowSeries(rows, 'window_start', 'requests', 'section').series.map((line) => line.label);
    expect(labels).toEqual(['a', 'b', 'c', 'd', '3 others']);
  });
});

describe('answers of the API', () => {
  it('keeps the digits that a double cannot hold', () => {
    expect(parseJson('{"n":9007199254740993,"m":1}')).toEqual({
      n: process.version < 'v21' ? 9007199254740992 : '9007199254740993',
      m: 1,
    });
  });

  it('takes a watermark at infinity for the end of the input', () => {
    const [pipeline] = decodePipelines({ pipelines: [{ name: 'p', watermark: 'infinity' }] });
    expect(pipeline?.watermark).toBe(Number.POSITIVE_INFINITY);
  });

  it('survives answers that are not what they should be', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        (value) => void [decodePipelines(value), decodeTopics(value), decodeError(value, 500)],
      ),
    );
  });

  it('reads the place of a mistake from problem details', () => {
    const error = decodeError({ detail: 'no such column', code: 'SQL_X', position: { line: 2, column: 5 } }, 400);
    expect([error.message, error.code, error.position]).toEqual(['no such column', 'SQL_X', { line: 2, column: 5 }]);
  });
});

describe('text for people', () => {
  it.each([
    [0, '0'],
    [0.25, '0.3'],
    [1234, '1,234'],
    [250_000, '250 K'],
    [4_812_000, '4.81 M'],
  ])('writes %d as %s', (value, text) => expect(formatCount(value)).toBe(text));

  it.each([
    [800, '0.8 s'],
    [74_000, '1 m 14 s'],
    [86_400_000, '1 d'],
  ])('writes a span of %d ms as %s', (ms, text) => expect(formatSpan(ms)).toBe(text));

  it('dumps bytes as hex with their ASCII', () => {
    expect(hexDump(new Uint8Array([0xff, 0x41]), 100)).toBe(`000000  ${'ff 41'.padEnd(49)}  .A`);
  });
});
