import type { Place } from '../../src/plan/function/generic.ts';
import { functionNames, functionOverloads, genericFunctions } from '../../src/plan/function.ts';
import { typeByName, typeName, typeNames } from '../../src/plan/type-name.ts';
import { code, pageHead, table } from './markdown.ts';
import { SQL_EXAMPLES } from './sql-examples.ts';

export function sqlFunctionsPage(): string {
  const groups = [...new Set(SQL_EXAMPLES.map(({ group }) => group))];
  const sections = groups.map((name) => {
    const rows = SQL_EXAMPLES.filter(({ group }) => group === name).map(({ write, does, example, result }) => [
      code(write),
      does,
      code(example.replace(/^SELECT (.*) AS result FROM .*$/, '$1')),
      result === null ? 'null' : code(result),
    ]);
    return `## ${name}\n${name === 'Aggregates' ? '\nThe examples are over a column x of 1, 2, 2 and null.\n' : ''}\n${table(
      ['write', 'what it does', 'example', 'gives'],
      rows,
    )}`;
  });
  return `${pageHead(
    'SQL functions and types',
    `What expressions in pipelines, alerts and queries may use. The meaning is PostgreSQL's; every example here is run by the tests,
in the evaluator of pipelines and in the query database. What is not in this list is refused, with its place in the text.
Statements are in [sql.md](../reference/sql.md); nulls, overflow, time zones and where PostgreSQL differs in [values.md](values.md).
In an ad-hoc query a numeric has at most 38 digits, and a computed one at most 20 after the point.`,
  )}
${sections.join('\n')}
## Types

${table(['type', 'also written'], typeRows())}
\`numeric(precision, scale)\` rounds to its scale. Arrays are \`type[]\`. The time zone of a session is UTC.

## Signatures

${table(['name', 'takes', 'gives'], signatureRows())}`;
}

function typeRows(): string[][] {
  const aliases = new Map<string, string[]>();
  for (const name of typeNames()) {
    const type = typeName(typeByName(name)!);
    aliases.set(type, [...(aliases.get(type) ?? []), ...(name === type ? [] : [name])]);
  }
  return [...aliases].map(([type, names]) => [code(type), names.map(code).join(', ')]);
}

/** Named functions of the catalogue; operators are explained by their examples. */
function signatureRows(): string[][] {
  return functionNames()
    .filter((name) => SQL_EXAMPLES.some(({ write }) => write.includes(`${name}(`)))
    .sort()
    .flatMap((name) => {
      const overloads = [...functionOverloads(name), ...genericFunctions(name)];
      const takes = overloads.map(({ args, variadic }) => {
        const list = args.map(placeName).join(', ') || 'nothing';
        return variadic ? `${list}, ...` : list;
      });
      const gives = [...new Set(overloads.map(({ result }) => placeName(result)))];
      return overloads.length === 0 ? [] : [[code(name), takes.join('; '), gives.join(', ')]];
    });
}

/** Generic functions take any type, or arrays of a type and its elements. */
function placeName(place: Place): string {
  return typeof place === 'object' ? typeName(place) : place;
}
