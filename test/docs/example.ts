/** An `@example` of a docstring. */
export interface DocExample {
  /** `src/base/duration.ts:26` */
  readonly place: string;
  readonly file: string;
  readonly text: string;
}

const EXAMPLE = /@example\n((?:[ \t]*\*.*\n)+)/g;

export function examplesOf(file: string, source: string): readonly DocExample[] {
  return [...source.matchAll(EXAMPLE)].flatMap((match) => {
    const comment = match[1]!.replace(/^[ \t]*\* ?/gm, '');
    const text = /```ts\n([\s\S]*?)```/.exec(comment)?.[1];
    const line = source.slice(0, match.index).split('\n').length;
    return text === undefined ? [] : [{ place: `${file}:${line}`, file, text }];
  });
}

/** `expression; // value`: what the example says that an expression gives. */
const CLAIM = /^([^/\s].*?);\s*\/\/ (.+)$/;

/**
 * The example as a module that exports `run(check)`: every claim is checked, `...` in one standing for anything. Names
 * that its own file exports are imported; `preludes` has the lines that declare any other name.
 */
export function moduleOf(
  example: DocExample,
  exported: readonly string[],
  preludes: Readonly<Record<string, string>>,
): string {
  const uses = (name: string): boolean => new RegExp(`(?<![.\\w'"])${name}\\b`).test(example.text);
  const own = exported.filter(uses);
  const others = Object.entries(preludes).filter(([name]) => !own.includes(name) && uses(name));
  const body = example.text
    .replace(/^export default /gm, 'const _ = ')
    .replace(/^export /gm, '')
    .split('\n')
    .map((line) => {
      const [, expression, value] = CLAIM.exec(line) ?? [];
      if (expression === undefined || /^(const|let|return|await) /.test(expression)) return line;
      return value!.includes('...')
        ? `check.shows(${expression}, ${JSON.stringify(value)});`
        : `check.equals(${expression}, ${value});`;
    });
  return [
    `import { ${own.join(', ')} } from '../../${example.file}';`,
    ...new Set(others.map(([, line]) => line)),
    'export async function run(check: { equals(actual: unknown, wanted: unknown): void; shows(actual: unknown, text: string): void }): Promise<void> {',
    '  void check;',
    ...body,
    '}',
    '',
  ].join('\n');
}

/** Names of the values that a file exports. */
export function exportsOf(source: string): readonly string[] {
  return [...source.matchAll(/^export (?:async )?(?:function|class|const) (\w+)/gm)].map((match) => match[1]!);
}
