import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CsvOptions, csvToNdjson } from './csv.ts';

function rows(text: string | Uint8Array, options?: CsvOptions) {
  const result = csvToNdjson(typeof text === 'string' ? Buffer.from(text) : text, options);
  const values = Buffer.from(result.ndjson)
    .toString()
    .split('\n')
    .filter((l) => l !== '')
    .map((l) => JSON.parse(l) as unknown);
  return {
    values,
    lines: result.lines,
    errors: result.errors.map((e) => [e.line, e.reason, Buffer.from(e.value).toString('latin1')]),
  };
}

describe('CSV', () => {
  it('maps the header to keys, and columns to types and places', () => {
    const columns: CsvOptions['columns'] = new Map([
      ['amount', { type: 'number', path: ['data', 'amount'] }],
      ['ok', { type: 'boolean' }],
      ['tags', { type: 'json' }],
    ]);
    expect(rows('id,amount,ok,tags\r\na,1.50,true,"[1,""x""]"\r\nb,,f,\r\nc,much,maybe,x', { columns }).values).toEqual(
      [
        { id: 'a', data: { amount: 1.5 }, ok: true, tags: [1, 'x'] },
        { id: 'b', data: {}, ok: false },
        { id: 'c', data: { amount: 'much' }, ok: 'maybe', tags: 'x' },
      ],
    );
  });

  it('reads quoted delimiters, quotes and line breaks, and counts lines by them', () => {
    const { values, lines } = rows('a,b\n"1,\n2","say ""hi"""\n\n"",x\n');
    expect(values).toEqual([
      { a: '1,\n2', b: 'say "hi"' },
      { a: '', b: 'x' },
    ]);
    expect(lines).toEqual([2, 5]);
  });

  it('reports broken records and goes on at the next line', () => {
    const text = Buffer.concat([
      Buffer.from('a,b\n1,2\n1\n"x"y,2\nq"r,2\n'),
      Buffer.from([0xff]),
      Buffer.from(',2\n3,4\n"open,5\n6,7\n'),
    ]);
    const { values, errors } = rows(text);
    expect(values).toEqual([
      { a: '1', b: '2' },
      { a: '3', b: '4' },
      { a: '6', b: '7' },
    ]);
    expect(errors).toEqual([
      [3, 'malformed', '1'],
      [4, 'malformed', '"x"y,2'],
      [5, 'malformed', 'q"r,2'],
      [6, 'utf8', '\xff,2'],
      [8, 'malformed', '"open,5'],
    ]);
  });

  it('takes other delimiters, a byte order mark, and names instead of a header', () => {
    expect(rows('\ufeffa;b\n1;2', { delimiter: ';' }).values).toEqual([{ a: '1', b: '2' }]);
    expect(rows('1,2', { header: ['x', 'y'] }).values).toEqual([{ x: '1', y: '2' }]);
  });

  it('gives back what was written', () => {
    const cell = fc.string({ unit: 'grapheme', maxLength: 8 });
    const table = fc.array(fc.tuple(cell, cell), { maxLength: 20 });
    fc.assert(
      fc.property(table, (cells) => {
        const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
        const text = ['a,b', ...cells.map((row) => row.map(quote).join(','))].join('\r\n');
        expect(rows(text).values).toEqual(cells.map(([a, b]) => ({ a, b })));
      }),
    );
  });
});
