import type { Node, TypeName } from 'libpg-query';
import type { DataType } from '../../plan/data-type.ts';
import { arrayType, numericType, typeByName } from '../../plan/type-name.ts';

/** The parts of a dotted name; undefined for a part that is not a name (`*`). */
export function nameParts(nodes: readonly Node[] | undefined): readonly (string | undefined)[] {
  return (nodes ?? []).map((node) => ('String' in node ? (node.String.sval ?? '') : undefined));
}

/** The last part, without a schema of PostgreSQL's own. */
export function bareName(nodes: readonly Node[] | undefined): string {
  return nameParts(nodes).at(-1) ?? '';
}

/** Where an error of a node is shown, as its byte offset: an operator or cast where it stands, else where the node begins. */
export function nodeLocation(node: Node): number | undefined {
  const body = Object.values(node)[0] as { location?: number; arg?: Node; lexpr?: Node } | undefined;
  if (body === undefined) return undefined;
  if ('A_Expr' in node && node.A_Expr.location !== undefined) return node.A_Expr.location;
  if ('TypeCast' in node && node.TypeCast.location !== -1) return node.TypeCast.location;
  for (const inner of [body.lexpr, body.arg]) {
    const location = inner === undefined || Array.isArray(inner) ? undefined : nodeLocation(inner);
    if (location !== undefined) return location;
  }
  return body.location === -1 ? undefined : (body.location ?? 0);
}

/** Where the constant with this text stands among the operands of a node, as its byte offset. */
export function constantLocation(node: Node, text: string): number | undefined {
  if ('A_Const' in node) return node.A_Const.sval?.sval === text ? (node.A_Const.location ?? 0) : undefined;
  const parts: readonly unknown[] = [Object.values(node)[0]];
  for (const part of parts.flatMap((body) => Object.values(body as object) as unknown[]).flat()) {
    if (typeof part !== 'object' || part === null) continue;
    const found = constantLocation(part as Node, text);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The plan's type for a type of the syntax tree, or undefined when it is unknown. */
export function typeOf(name: TypeName): DataType | undefined {
  const params = (name.typmods ?? []).map((node) => ('A_Const' in node ? (node.A_Const.ival?.ival ?? 0) : 0));
  const bare = bareName(name.names);
  const base = bare === 'numeric' && params.length > 0 ? numericType(params[0], params[1] ?? 0) : typeByName(bare);
  if (base === undefined || (params.length > 0 && bare !== 'numeric' && bare !== 'interval')) return undefined;
  return (name.arrayBounds ?? []).reduce<DataType>((element) => arrayType(element), base);
}
