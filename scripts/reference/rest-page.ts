import { openApiDocument } from '../../src/protocol/http/openapi.ts';
import { routes } from '../../src/protocol/http/routes/index.ts';
import { code, pageHead, table } from './markdown.ts';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

interface Content {
  readonly schema: Readonly<Record<string, unknown>>;
}

interface Operation {
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly description: string; readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: object }>>;
}

type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

/** The version is left out, so that a release changes no page. */
export function restPage(): string {
  const paths = openApiDocument(routes, '').paths as Paths;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))];
  const sections = tags.map((tag) => {
    const parts = operations.filter(({ operation }) => operation.tags.includes(tag)).map(operationText);
    return `## ${tag[0]!.toUpperCase()}${tag.slice(1)}\n\n${parts.join('\n')}`;
  });
  return `${pageHead(
    'REST API',
    `Everything that the console and the command line do goes through this API. A running process serves the same as an OpenAPI
3.1 document at \`/api/v2/openapi.json\`, with the schema of every body. A refusal is a problem document (RFC 9457) whose codes
are in [errors.md](errors.md). Where tokens are configured, send \`Authorization: Bearer <token>\`.`,
  )}\n${sections.join('\n')}`;
}

function operationText({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const parts = [
    `### ${method} ${path}\n`,
    `${operation.summary}.${operation.description === undefined ? '' : ` ${operation.description}`}\n`,
  ];
  if (operation.parameters !== undefined) {
    const rows = operation.parameters.map((one) => [code(one.name), one.in, typeText(one.schema), one.description]);
    parts.push(table(['parameter', 'in', 'value', 'what it does'], rows));
  }
  if (operation.requestBody !== undefined) {
    const { description, content } = operation.requestBody;
    parts.push(`Body: ${description} Media types: ${Object.keys(content).map(code).join(', ')}.\n`);
    parts.push(...Object.values(content).flatMap(({ schema }) => fieldsText(schema)));
  }
  const answers = Object.entries(operation.responses).map(([status, { description }]) => [status, description]);
  parts.push(table(['status', 'meaning'], answers));
  return parts.join('\n');
}

/** The fields of a JSON body that declares them. */
function fieldsText(schema: Readonly<Record<string, unknown>>): readonly string[] {
  const properties = schema.properties as Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined;
  if (properties === undefined) return [];
  const required = (schema.required ?? []) as readonly string[];
  const rows = Object.entries(properties).map(([name, field]) => [
    code(name),
    `${typeText(field)}${required.includes(name) ? ', required' : ''}`,
    String(
      field.description ?? (Array.isArray(field.examples) ? `For example ${code(String(field.examples[0]))}.` : ''),
    ),
  ]);
  return [table(['field', 'value', 'what it is'], rows)];
}

function typeText(schema: Readonly<Record<string, unknown>>): string {
  const values = schema.enum as readonly unknown[] | undefined;
  const types =
    values === undefined ? [schema.type ?? 'any'].flat().join(' or ') : values.map((v) => code(String(v))).join(', ');
  const { minimum, maximum } = schema;
  const range =
    minimum === undefined && maximum === undefined ? '' : `, ${String(minimum ?? '')} to ${String(maximum ?? '')}`;
  const fallback = schema.default === undefined ? '' : `, default ${code(String(schema.default))}`;
  return `${types}${range}${fallback}`;
}
