import { isLifted } from '../../plan/call-options.ts';
import type { Column } from '../../plan/data-type.ts';
import type { DeclaredFunction } from '../scope.ts';
import type { SourceText } from '../text/source-text.ts';
import { readCallOptions } from './function-options.ts';
import type { CreateFunction } from './statement.ts';

/** What `CREATE FUNCTION` declares; `module` is the hash of its bundle. @throws HeadraceError `SQL_NOT_SUPPORTED`, `SQL_UNKNOWN_OPTION`, `SQL_DUPLICATE_NAME` */
export function declaredFunction(source: SourceText, statement: CreateFunction, module: string): DeclaredFunction {
  const { name, returns, exportName } = statement;
  const options = readCallOptions(source, statement.options);
  const common = { name: name.name, args: statement.args.map((arg) => arg.type), module, exportName, options };
  if (!isTable(returns)) {
    return statement.isAggregate === true
      ? { ...common, returns: undefined, aggregate: { returns } }
      : { ...common, returns };
  }
  if (isLifted(options)) {
    throw source.error(name.at, `"${name.name}" gives a table: it must be synchronous and deterministic`, {
      code: 'SQL_NOT_SUPPORTED',
      next: 'give an array from a scalar function that is asynchronous or volatile, and unnest it',
    });
  }
  return { ...common, returns: undefined, table: tableOf(source, returns) };
}

function isTable(returns: CreateFunction['returns']): returns is Exclude<CreateFunction['returns'], { kind: string }> {
  return Array.isArray(returns);
}

function tableOf(
  source: SourceText,
  columns: readonly { readonly name: string; readonly type: Column['type']; readonly at: number }[],
): readonly Column[] {
  const seen = new Set<string>();
  return columns.map(({ name, type, at }) => {
    if (seen.has(name)) throw source.error(at, `"${name}" is declared twice`, { code: 'SQL_DUPLICATE_NAME' });
    seen.add(name);
    return { name, type, nullable: true };
  });
}
