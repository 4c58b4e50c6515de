import { HeadraceError, type SourcePosition } from '../../base/error.ts';

/** A user's SQL text, with positions: offsets are UTF-16 units, lines and columns count from 1. */
export class SourceText {
  readonly text: string;
  readonly file: string | undefined;

  constructor(text: string, file?: string) {
    this.text = text;
    this.file = file;
  }

  position(offset: number): SourcePosition {
    const before = this.text.slice(0, Math.max(0, offset));
    const line = before.split('\n').length;
    const column = before.length - (before.lastIndexOf('\n') + 1) + 1;
    return this.file === undefined ? { line, column } : { file: this.file, line, column };
  }

  /** An error that points at the offset. */
  error(
    offset: number,
    message: string,
    options: { readonly code?: string; readonly next?: string } = {},
  ): HeadraceError {
    const position = this.position(offset);
    const place = `${position.file === undefined ? '' : `${position.file}:`}${position.line}:${position.column}`;
    return new HeadraceError(`reading SQL at ${place}: ${message}`, {
      code: options.code ?? 'SQL_SYNTAX',
      domain: 'sql',
      position,
      ...(options.next === undefined ? {} : { next: options.next }),
    });
  }

  /** Runs the action; an error without a position gets this one. */
  locate<Result>(offset: number, action: () => Result): Result {
    try {
      return action();
    } catch (error) {
      throw this.#located(offset, error);
    }
  }

  /** As {@link locate}, for what ends later. */
  async locateLater<Result>(offset: number, action: () => Promise<Result>): Promise<Result> {
    try {
      return await action();
    } catch (error) {
      throw this.#located(offset, error);
    }
  }

  #located(offset: number, error: unknown): unknown {
    if (!(error instanceof HeadraceError) || error.position !== undefined) return error;
    const next = error.next;
    const bare = next === undefined ? error.message : error.message.slice(0, -(next.length + 2));
    const message = bare.replace(/^(?:resolving types|making a plan|evaluating expression|reading duration): /, '');
    return this.error(offset, message, { code: error.code, ...(next === undefined ? {} : { next }) });
  }
}

/** Maps a UTF-8 byte offset in an embedded text to an offset in the whole one. */
export type PositionMap = (byteOffset: number | undefined) => number;

/**
 * The map for `source.text.slice(start, end)` given to a parser that counts bytes, after `prefix` bytes of our own.
 */
export function positionMap(source: SourceText, start: number, end: number, prefix = 0): PositionMap {
  const bytes = Buffer.from(source.text.slice(start, end));
  const ascii = bytes.length === end - start;
  return (byteOffset) => {
    const inside = Math.min(Math.max(0, (byteOffset ?? 0) - prefix), bytes.length);
    return start + (ascii ? inside : bytes.subarray(0, inside).toString().length);
  };
}
