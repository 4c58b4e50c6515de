import { describe, expect, it } from 'vitest';
import { count, isPipeline, pipeline, type Row, source, t, udf } from './index.ts';

const requests = source('requests', {
  columns: {
    id: t.text().notNull(),
    time: t.timestamptz().notNull(),
    path: t.text().notNull(),
    status: t.int4().notNull(),
    amount: t.numeric(12, 2),
  },
  watermark: { column: 'time', delay: '5 seconds' },
});

/** What the compiler refuses, and the run too where the types have been silenced. */
describe('a misspelt column', () => {
  it('is refused in a filter', () => {
    // @ts-expect-error there is no column "statsu"
    expect(() => requests.filter((r) => r.statsu.ge(400))).toThrow('did you mean "status"?');
  });

  it('is refused in a select', () => {
    // @ts-expect-error there is no column "idd"
    expect(() => requests.select((r) => ({ id: r.idd }))).toThrow('did you mean "id"?');
  });

  it('is refused as a key to group by', () => {
    const windows = requests.tumble('time', '1 minute');
    // @ts-expect-error there is no column "pathh"
    expect(() => windows.groupBy('pathh').aggregate(() => ({ n: count() }))).toThrow('did you mean "path"?');
    // @ts-expect-error there is no column "pathh"
    expect(() => requests.groupBy('pathh').aggregate(() => ({ n: count() }))).toThrow('did you mean "path"?');
  });

  it('is refused as a key to deduplicate by', () => {
    // @ts-expect-error there is no column "ident"
    expect(() => requests.deduplicate('ident', { ttl: '1 hour' })).toThrow('column "ident" does not exist');
  });

  it('is refused in a watermark', () => {
    expect(() =>
      // @ts-expect-error there is no column "tiem"
      source('s', { columns: { time: t.timestamptz() }, watermark: { column: 'tiem' } }),
    ).toThrow();
  });

  it('is refused in the condition and the keys of an alert', () => {
    const counted = requests.groupBy('path').aggregate(() => ({ hits: count() }));
    expect(() =>
      pipeline('p', (p) => {
        // @ts-expect-error there is no column "hitz"
        p.alert('a', { view: p.view('v', counted), when: (r) => r.hitz.gt(1) });
      }),
    ).toThrow('did you mean "hits"?');
    expect(() =>
      pipeline('p', (p) => {
        // @ts-expect-error there is no column "paht"
        p.alert('a', { view: p.view('v', counted), when: (r) => r.hits.gt(1), keys: ['paht'] });
      }),
    ).toThrow('did you mean "path"?');
  });
});

describe('a column of the wrong type', () => {
  it('is refused as the time of a window', () => {
    // @ts-expect-error the time of a window is a timestamp column
    expect(() => requests.tumble('path', '1 minute')).toThrow('a window needs a timestamp column');
  });

  it('is refused as an operand, to the compiler', () => {
    const wrong = (r: Row<{ status: 'int4'; path: 'text' }>): unknown => [
      // @ts-expect-error a number is not compared with a boolean
      r.status.eq(true),
      // @ts-expect-error text has no division
      r.path.divide(2),
      // @ts-expect-error a filter takes a boolean
      requests.filter((row) => row.status),
    ];
    expect(wrong).toBeTypeOf('function');
  });

  it('is refused as the argument of a user function, to the compiler', () => {
    const shorten = udf('shorten', [t.text()], t.text(), (path) => path?.slice(0, 8) ?? null);
    const wrong = (r: Row<{ path: 'text'; ok: 'boolean' }>): unknown => [
      shorten(r.path),
      // @ts-expect-error it takes a text
      shorten(r.ok),
      // @ts-expect-error it takes one argument
      shorten(r.path, r.path),
    ];
    expect(wrong).toBeTypeOf('function');
  });
});

describe('a user function', () => {
  const double = udf('double', [t.int4()], t.int4(), (value) => (value === null ? null : value * 2));

  it('is an expression when it is given columns, and itself when it is given values', () => {
    const { node } = requests.select((r) => ({ twice: double(r.status) }));
    expect(node).toMatchObject({ expressions: [{ kind: 'user-function', exportName: 'double' }] });
    expect(double.run(21)).toBe(42);
    expect(isPipeline(pipeline('p', (p) => p.view('v', requests)))).toBe(true);
  });
});
