/** Records of a CSV text with a header line (RFC 4180), at most `limit`; every value is text. */
export function csvRecords(text: string, limit: number): readonly Readonly<Record<string, string>>[] {
  const rows = csvRows(text, limit + 1);
  const [header = [], ...body] = rows;
  const names = header.map((name, i) => [name.replace(/^\ufeff/, ''), i] as const);
  // A column without a name is left out, as by the file source.
  const named = names.filter(([name]) => name !== '');
  return body.map((row) => Object.fromEntries(named.map(([name, i]) => [name, row[i] ?? ''])));
}

function csvRows(text: string, limit: number): readonly (readonly string[])[] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = '';
  let quoted = false;
  const endRow = (): void => {
    row.push(field);
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
    field = '';
  };
  for (let at = 0; at < text.length && rows.length < limit; at++) {
    const c = text[at]!;
    if (quoted && c === '"' && text[at + 1] === '"') {
      field += '"';
      at += 1;
    } else if (c === '"') {
      quoted = !quoted;
    } else if (c === ',' && !quoted) {
      row.push(field);
      field = '';
    } else if (c === '\n' && !quoted) {
      endRow();
    } else if (c !== '\r' || quoted) {
      field += c;
    }
  }
  if (rows.length < limit && !quoted && (field !== '' || row.length > 0)) endRow();
  return rows;
}
