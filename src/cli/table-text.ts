/** Narrower than this a column says nothing; then each row is shown upright instead. */
const COLUMN_WIDTH_MIN = 6;
const GAP = '  ';

/**
 * Rows as a table that fits `width` columns: the widest columns give way first, cut with an ellipsis. When even that
 * is not enough, each row becomes a block of `name  value` lines. Without a width nothing is cut.
 */
export function tableText(columns: readonly string[], rows: readonly (readonly unknown[])[], width?: number): string {
  if (columns.length === 0) return '';
  const cells = rows.map((row) => columns.map((_, i) => cellText(row[i])));
  const numeric = columns.map((_, i) => rows.length > 0 && rows.every((row) => isNumeric(row[i])));
  const widths = columns.map((name, i) => Math.max(textWidth(name), ...cells.map((row) => textWidth(row[i]!))));
  const room = width === undefined ? undefined : width - GAP.length * (columns.length - 1);
  if (room !== undefined && columns.length * COLUMN_WIDTH_MIN > room) return uprightText(columns, cells, width!);
  const fitted = room === undefined ? widths : fitWidths(widths, room);
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, i) => padded(text, fitted[i]!, numeric[i]!))
      .join(GAP)
      .trimEnd();
  const rule = fitted.map((columnWidth) => '─'.repeat(columnWidth)).join(GAP);
  return `${[line(columns), rule, ...cells.map(line)].join('\n')}\n`;
}

/** Takes from the widest until the sum fits. */
export function fitWidths(widths: readonly number[], room: number): readonly number[] {
  const fitted = [...widths];
  for (let over = sum(fitted) - room; over > 0; over = sum(fitted) - room) {
    const widest = Math.max(...fitted);
    if (widest <= COLUMN_WIDTH_MIN) break;
    const next = Math.max(COLUMN_WIDTH_MIN, ...fitted.filter((w) => w < widest));
    const many = fitted.filter((w) => w === widest).length;
    const cut = Math.max(1, Math.min(widest - next, Math.ceil(over / many)));
    for (let i = 0; i < fitted.length; i++)
      if (fitted[i] === widest) fitted[i] = Math.max(COLUMN_WIDTH_MIN, widest - cut);
  }
  return fitted;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function uprightText(columns: readonly string[], rows: readonly (readonly string[])[], width: number): string {
  const names = Math.min(Math.max(...columns.map(textWidth)), Math.floor(width / 2));
  return rows
    .map((row) =>
      columns
        .map(
          (name, i) =>
            `${padded(name, names, false)}${GAP}${cutText(row[i]!, Math.max(COLUMN_WIDTH_MIN, width - names - 2))}`,
        )
        .join('\n'),
    )
    .map((block) => `${block}\n`)
    .join('\n');
}

export function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a value must not move the terminal's cursor
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => (c === '\n' ? '⏎' : c === '\t' ? ' ' : '�'));
}

function isNumeric(value: unknown): boolean {
  return value === null || typeof value === 'number' || (typeof value === 'string' && /^-?\d{16,}$/.test(value));
}

function padded(text: string, width: number, right: boolean): string {
  const cut = cutText(text, width);
  const padding = ' '.repeat(Math.max(0, width - textWidth(cut)));
  return right ? padding + cut : cut + padding;
}

function cutText(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let cut = '';
  let used = 0;
  for (const character of text) {
    const wide = characterWidth(character);
    if (used + wide > width - 1) break;
    cut += character;
    used += wide;
  }
  return `${cut}…`;
}

/** Columns that a text takes: East Asian wide characters and emoji take two (UAX 11), combining marks none. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

function characterWidth(character: string): number {
  if (character.charCodeAt(0) < 0x300) return 1;
  if (/\p{Mark}|\u200d/u.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
