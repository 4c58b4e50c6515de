import type { TypeName } from 'libpg-query';
import { NUMERIC_PRECISION_MAX } from '../plan/type-name.ts';
import type { BindContext } from './expression-binder.ts';
import { bareName } from './text/syntax-tree.ts';

/** PostgreSQL's limit on the declared scale of numeric, below 0 as above. */
const NUMERIC_SCALE_MAX = 1000;

/** PostgreSQL's limit on the declared length of varchar and char. */
const LENGTH_MAX = 10_485_760;

/** The names that the parser gives to varchar and char. */
const LENGTH_TYPES: Readonly<Record<string, string>> = { varchar: 'varchar', bpchar: 'char' };

/**
 * The numbers in parentheses after the name of a type.
 * @throws HeadraceError `PLAN_INVALID_ARGUMENT` when they are out of range, `SQL_NOT_SUPPORTED`
 */
export function checkTypeModifiers({ source, place }: BindContext, { names, typmods, location }: TypeName): void {
  const modifiers = (typmods ?? []).map((node) => ('A_Const' in node ? (node.A_Const.ival?.ival ?? 0) : 0));
  const name = bareName(names);
  const message = modifierMistake(name, modifiers);
  if (message !== undefined) throw source.error(place(location), message, { code: 'PLAN_INVALID_ARGUMENT' });
  const [precision = 0, scale = 0] = modifiers;
  if (name !== 'numeric' || modifiers.length === 0 || (scale >= 0 && scale <= precision)) return;
  throw source.error(place(location), `numeric(${precision},${scale}): the scale must be 0 to the precision`, {
    code: 'SQL_NOT_SUPPORTED',
    next: `write round(value, ${scale})`,
  });
}

function modifierMistake(name: string, modifiers: readonly number[]): string | undefined {
  const [first, second = 0, ...more] = modifiers;
  if (first === undefined) return undefined;
  if (name === 'numeric') {
    if (more.length > 0) return 'invalid NUMERIC type modifier';
    if (first < 1 || first > NUMERIC_PRECISION_MAX) {
      return `NUMERIC precision ${first} must be between 1 and ${NUMERIC_PRECISION_MAX}`;
    }
    if (Math.abs(second) <= NUMERIC_SCALE_MAX) return undefined;
    return `NUMERIC scale ${second} must be between -${NUMERIC_SCALE_MAX} and ${NUMERIC_SCALE_MAX}`;
  }
  const lengthType = LENGTH_TYPES[name];
  if (lengthType === undefined) return undefined;
  if (first < 1) return `length for type ${lengthType} must be at least 1`;
  return first > LENGTH_MAX ? `length for type ${lengthType} cannot exceed ${LENGTH_MAX}` : undefined;
}
