import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { HeadraceError, type SourcePosition } from '../error.ts';

/** One value of the file, as text, with its place. */
export interface YamlValue {
  /** Dotted, from the section that it was asked of. */
  readonly path: string;
  readonly text: string;
  readonly position: SourcePosition & { readonly file: string };
}

/** A mapping of a YAML file whose values know their line and column. */
export class YamlSection {
  readonly #values: readonly YamlValue[];

  constructor(values: readonly YamlValue[]) {
    this.#values = values;
  }

  at(path: string): YamlValue | undefined {
    return this.#values.find((value) => value.path === path);
  }

  leaves(): readonly YamlValue[] {
    return this.#values;
  }

  /** The mappings below `key`, by name, in the order of the file. */
  sections(key: string): ReadonlyMap<string, YamlSection> {
    const parts = new Map<string, YamlValue[]>();
    for (const value of this.#values) {
      if (!value.path.startsWith(`${key}.`)) continue;
      const rest = value.path.slice(key.length + 1);
      const dot = rest.indexOf('.');
      const name = dot < 0 ? rest : rest.slice(0, dot);
      const values = parts.get(name) ?? [];
      parts.set(name, values);
      if (dot >= 0) values.push({ ...value, path: rest.slice(dot + 1) });
    }
    return new Map([...parts].map(([name, values]) => [name, new YamlSection(values)]));
  }
}

/** @throws HeadraceError `CONFIG_YAML_INVALID` with line and column */
export function parseYaml(text: string, file: string): YamlSection {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const placeOf = (at: number) => {
    const { line, col } = lines.linePos(at);
    return { file, line, column: col };
  };
  const error = document.errors[0];
  if (error !== undefined) {
    const position = placeOf(error.pos[0]);
    throw new HeadraceError(`reading ${file}:${position.line}:${position.column}: ${error.message.split('\n')[0]}`, {
      code: 'CONFIG_YAML_INVALID',
      domain: 'config',
      position,
      next: 'correct the file',
    });
  }
  const values: YamlValue[] = [];
  gather(document.contents, '', placeOf, values);
  return new YamlSection(values);
}

/** Empty mappings count as a value without text, so that a name alone (`topics: { orders: }`) is seen. */
function gather(
  node: Node | null,
  path: string,
  placeOf: (at: number) => YamlValue['position'],
  values: YamlValue[],
): void {
  if (node === null || (isScalar(node) && node.value === null)) {
    if (path !== '') values.push({ path, text: '', position: placeOf(node?.range?.[0] ?? 0) });
    return;
  }
  if (isMap<Node, Node | null>(node)) {
    if (node.items.length === 0 && path !== '')
      values.push({ path, text: '', position: placeOf(node.range?.[0] ?? 0) });
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : String(key);
      gather(value, path === '' ? name : `${path}.${name}`, placeOf, values);
    }
    return;
  }
  const position = placeOf(node.range?.[0] ?? 0);
  if (isSeq<Node>(node)) {
    values.push({
      path,
      text: node.items.map((item) => (isScalar(item) ? String(item.value) : '')).join(','),
      position,
    });
  } else if (isScalar(node)) {
    values.push({ path, text: node.source ?? String(node.value), position });
  }
}
