import { resolveCall } from '../../plan/coercion.ts';
import { evaluate } from '../../plan/evaluate.ts';
import { literal } from '../../plan/expression-factory.ts';
import { TYPE } from '../../plan/type-name.ts';

/** As many code points as UTF-8 writes in one or two bytes: Latin, Greek, Cyrillic, Hebrew, Arabic and others. */
const POINTS = 0x800;
const tables = new Map<string, Uint8Array>();

/** What each code point becomes, 16 bits each; 0 for what becomes longer. The interpreter says, point by point. */
export function caseTable(isLower: boolean): Uint8Array {
  const name = isLower ? 'lower' : 'upper';
  const known = tables.get(name);
  if (known !== undefined) return known;
  const points = new Uint16Array(POINTS);
  for (let point = 0; point < POINTS; point++) {
    const mapped = evaluate(resolveCall(name, [literal(String.fromCharCode(point), TYPE.text)]), []) as string;
    const becomes = mapped.codePointAt(0)!;
    points[point] = becomes < POINTS ? becomes : 0;
  }
  const bytes = new Uint8Array(points.buffer);
  tables.set(name, bytes);
  return bytes;
}
