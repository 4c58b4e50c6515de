import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitWidths, tableText, textWidth } from './table-text.ts';

describe('a table in the terminal', () => {
  it('aligns numbers right and cuts the widest column first', () => {
    const text = tableText(
      ['name', 'n'],
      [
        ['x'.repeat(40), 1],
        ['short', 20],
      ],
      20,
    );
    expect(Math.max(...text.split('\n').map(textWidth))).toBeLessThanOrEqual(20);
    expect(text).toContain('…');
  });

  it('shows each row upright when there are too many columns', () => {
    const columns = Array.from({ length: 20 }, (_, i) => `c${i}`);
    expect(tableText(columns, [columns.map(() => 1)], 60).split('\n')[0]).toBe('c0   1');
  });

  it('cuts nothing without a width', () => {
    expect(tableText(['a'], [['y'.repeat(500)]])).toContain('y'.repeat(500));
  });

  it('lets no value move the cursor', () => {
    const text = tableText(['a'], [['\u001b[2J\r\nx']]);
    expect(text.includes('\u001b') || text.includes('\r')).toBe(false);
  });

  it('counts wide characters as two columns', () => {
    expect([textWidth('日本'), textWidth('e\u0301'), textWidth('🚀')]).toEqual([4, 1, 2]);
  });

  it('never is wider than the terminal', () => {
    const rows = fc.array(fc.array(fc.string(), { minLength: 3, maxLength: 3 }), { maxLength: 5 });
    fc.assert(
      fc.property(rows, fc.integer({ min: 24, max: 200 }), (given, width) => {
        const lines = tableText(['one', 'two', 'three'], given, width).split('\n');
        return lines.every((line) => textWidth(line) <= width);
      }),
    );
  });

  it('takes no more from columns than is needed', () => {
    expect(fitWidths([10, 50, 8], 48)).toEqual([10, 30, 8]);
  });
});
