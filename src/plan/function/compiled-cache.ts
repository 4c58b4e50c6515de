import { COMPILED_KEPT_MAX } from './limits.ts';

/** Keeps what the last texts were compiled to, so that a constant pattern is compiled once. */
export function compiledOnce<Compiled>(compile: (text: string) => Compiled): (text: string) => Compiled {
  const kept = new Map<string, Compiled>();
  return (text) => {
    const found = kept.get(text);
    if (found !== undefined) return found;
    const compiled = compile(text);
    if (kept.size >= COMPILED_KEPT_MAX) kept.clear();
    kept.set(text, compiled);
    return compiled;
  };
}
