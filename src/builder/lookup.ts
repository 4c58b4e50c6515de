import { HeadraceError } from '../base/error.ts';
import { lookupNode } from '../plan/analytic-factory.ts';
import { coerce } from '../plan/coercion.ts';
import type { PlanNode } from '../plan/node.ts';
import type { ColumnType } from './column-type.ts';
import { type AnyOperand, operandOf } from './value.ts';

type ColumnTypes = Readonly<Record<string, ColumnType>>;

/** What another system knows by a key: for `stream.lookup`. */
export interface Lookup<Keys extends ColumnTypes, Columns extends ColumnTypes> {
  readonly name: string;
  /** What it is asked by. */
  readonly key: Keys;
  /** What is found; a column is at its name in the JSON answer, or at its `path`. */
  readonly columns: Columns;
  /** The connector and its options, as in `CREATE LOOKUP`. */
  readonly with: { readonly connector: string } & Readonly<Record<string, string>>;
}

/** A value for each column of the key. */
export type LookupKeys<Keys extends ColumnTypes> = { readonly [Name in keyof Keys]: AnyOperand };

/**
 * Declares a look-up in another system.
 *
 * @example
 * ```ts
 * const customers = lookup('customers', {
 *   key: { id: t.text() },
 *   columns: { name: t.text(), tier: t.text().path('account', 'tier') },
 *   with: { connector: 'http', url: 'https://crm.example.com/customers/{id}', ttl: '5 minutes' },
 * });
 * ```
 */
export function lookup<const Keys extends ColumnTypes, const Columns extends ColumnTypes>(
  name: string,
  spec: Omit<Lookup<Keys, Columns>, 'name'>,
): Lookup<Keys, Columns> {
  return Object.freeze({ name, ...spec });
}

/** The rows of the input, each with what the look-up finds for it. @throws HeadraceError `PLAN_INVALID_NODE` for a column twice */
export function lookupPlan<Keys extends ColumnTypes>(
  input: PlanNode,
  declared: Lookup<Keys, ColumnTypes>,
  keys: LookupKeys<Keys>,
  join: 'inner' | 'left',
): PlanNode {
  const found = Object.entries(declared.columns).map(([name, { type, nullable, jsonPath }]) => {
    if (input.columns.some((column) => column.name === name)) throw twice(declared.name, name);
    return { name, type, nullable, path: jsonPath ?? [name] };
  });
  const keyNames = Object.keys(declared.key);
  const { connector, ...options } = declared.with;
  const expressions = keyNames.map((name) => coerce(operandOf(keys[name]!), declared.key[name]!.type));
  return lookupNode({ name: declared.name, input, connector, options, keys: expressions, keyNames, found, join });
}

function twice(lookup: string, column: string): HeadraceError {
  return new HeadraceError(
    `building a pipeline: look-up "${lookup}" finds a column "${column}", and there is one already`,
    {
      code: 'PLAN_INVALID_NODE',
      domain: 'plan',
      next: 'rename one of the two, with .select(...) or .path(...)',
    },
  );
}
