import { invalidText } from '../evaluation-error.ts';

/** PostgreSQL's input of bytea: hexadecimal behind `\x`, else text with `\\` and octal `\nnn`. */
export function parseBytes(text: string): Uint8Array {
  if (!text.startsWith('\\x')) return parseEscapedBytes(text);
  const digits = text.slice(2).replace(/\s/g, '');
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw invalidText('bytea', text);
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

/** @throws HeadraceError `PLAN_INVALID_TEXT` */
export function parseEscapedBytes(text: string): Uint8Array {
  const bytes: number[] = [];
  const buffer = Buffer.from(text, 'utf8');
  for (let at = 0; at < buffer.length; at++) {
    if (buffer[at] !== 0x5c) bytes.push(buffer[at]!);
    else if (buffer[at + 1] === 0x5c) bytes.push(buffer[++at]!);
    else {
      const digits = buffer.toString('latin1', at + 1, at + 4);
      if (!/^[0-3][0-7]{2}$/.test(digits)) throw invalidText('bytea', text);
      bytes.push(Number.parseInt(digits, 8));
      at += 3;
    }
  }
  return Uint8Array.from(bytes);
}
