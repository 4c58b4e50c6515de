import type { Node, TypeName } from 'libpg-query';
import type { DataType } from '../plan/data-type.ts';
import { arrayType, numericType, typeByName } from '../plan/type-name.ts';

/** The parts of a dotted name; undefined for a part that is not a name (`*`). */
export function nameParts(nodes: readonly Node[] | undefined): readonly (string | undefined)[] {
  return (nodes ?? []).map((node) => ('String' in node ? (node.String.sval ?? '') : undefined));
}

/** The last part, without a schema of PostgreSQL's own. */
export function bareName(nodes: readonly Node[] | undefined): string {
  return nameParts(nodes).at(-1) ?? '';
}

/** Where a node begins, as its byte offset; undefined when it does not say. */
export function nodeLocation(node: Node): number | undefined {
  const body = Object.values(node)[0] as { location?: number; arg?: Node; lexpr?: Node } | undefined;
  if (body === undefined) return undefined;
  for (const inner of [body.lexpr, body.arg]) {
    const location = inner === undefined || Array.isArray(inner) ? undefined : nodeLocation(inner);
    if (location !== undefined) return location;
  }
  return body.location === -1 ? undefined : (body.location ?? 0);
}

/** The plan's type for a type of the syntax tree, or undefined when it is unknown. */
export function typeOf(name: TypeName): DataType | undefined {
  const params = (name.typmods ?? []).map((node) => ('A_Const' in node ? (node.A_Const.ival?.ival ?? 0) : 0));
  const bare = bareName(name.names);
  const base = bare === 'numeric' && params.length > 0 ? numericType(params[0], params[1] ?? 0) : typeByName(bare);
  if (base === undefined || (params.length > 0 && bare !== 'numeric' && bare !== 'interval')) return undefined;
  return (name.arrayBounds ?? []).reduce<DataType>((element) => arrayType(element), base);
}
