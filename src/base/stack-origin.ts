import { SourceMap, type SourceMapPayload } from 'node:module';
import type { SourcePosition } from './error.ts';

/** A call in the user's own source. */
export interface StackFrame extends SourcePosition {
  readonly file: string;
  /** Name of the function; undefined at the top level of a module. */
  readonly function: string | undefined;
}

const MAP_COMMENT = /\n\/\/# sourceMappingURL=data:application\/json;base64,([A-Za-z0-9+/=]+)\s*$/;
/** `at name (place:line:column)` and `at place:line:column`; V8's stack trace API, "Appendix: Stack trace format". */
const FRAME = /^\s*at (?:(?:async )?(.+?) \()?(.+):(\d+):(\d+)\)?$/;

/** The text of a module with its source map at the end. */
export function withSourceMap(code: string, map: string): string {
  return `${code}\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}\n`;
}

/** Finds the places of a stack in the files that a bundle was made from. */
export class StackOrigin {
  /** The text of the bundle without its map: what is to be loaded, so that nobody else translates the stack. */
  readonly code: string;
  readonly #places: readonly string[];
  readonly #map: SourceMap | undefined;

  /**
   * @param text the bundle, with its map (see {@link withSourceMap}) or without
   * @param places what the bundle may be called in a stack: its URL, its path, what its `sourceURL` says
   */
  constructor(text: string, places: readonly string[]) {
    this.#places = places;
    const found = MAP_COMMENT.exec(text);
    this.code = found === null ? text : text.slice(0, found.index);
    this.#map =
      found === null
        ? undefined
        : new SourceMap(JSON.parse(Buffer.from(found[1]!, 'base64').toString('utf8')) as SourceMapPayload);
  }

  /** The frames of an error that lie in the bundle, the innermost first; none when it carries no stack. */
  framesOf(error: unknown): readonly StackFrame[] {
    const stack = error instanceof Error ? (error.stack ?? '') : '';
    return stack.split('\n').flatMap((line) => {
      const [, name, place, row, column] = FRAME.exec(line) ?? [];
      return place !== undefined && this.#places.includes(place)
        ? (this.#original(name, Number(row), Number(column)) ?? [])
        : [];
    });
  }

  #original(name: string | undefined, line: number, column: number): StackFrame | undefined {
    const entry = this.#map?.findEntry(line - 1, column - 1);
    if (entry === undefined || !('originalSource' in entry)) return undefined;
    return {
      function: name?.replace(/^(Module|Object)\./, ''),
      file: entry.originalSource,
      line: entry.originalLine + 1,
      column: entry.originalColumn + 1,
    };
  }
}
