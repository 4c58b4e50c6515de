import { type InferredField, type InferredSchema, instantOf, valueAt } from './inferred-schema.ts';

type JsonObject = Readonly<Record<string, unknown>>;

export interface ProjectDesign {
  readonly name: string;
  /** Topic, source and pipeline; a plain SQL name. */
  readonly topic: string;
  readonly schema: InferredSchema;
  /** The user's file, as it is called in `data/`; undefined for a project that begins with `curl`. */
  readonly dataFile: { readonly name: string; readonly format: 'csv' | 'ndjson' } | undefined;
  /** Records that the test uses. */
  readonly sample: readonly JsonObject[];
  /** What `package.json` asks for as `headrace`: a version, or a folder. */
  readonly dependency: string;
}

/** Every file of a new project, path -> text. */
export function projectFiles(design: ProjectDesign): Readonly<Record<string, string>> {
  const { topic } = design;
  return {
    'headrace.yaml': configText(design),
    [`schemas/${topic}.json`]: `${JSON.stringify(jsonSchemaOf(design), null, 2)}\n`,
    [`pipelines/${topic}.sql`]: pipelineText(design),
    [`tests/${topic}.test.yaml`]: testText(design),
    'package.json': `${JSON.stringify(packageOf(design), null, 2)}\n`,
    '.gitignore': 'node_modules/\n.headrace/\n',
    'README.md': readmeText(design),
  };
}

function configText({ topic, dataFile }: ProjectDesign): string {
  const connector =
    dataFile === undefined
      ? ''
      : `
connectors:
  ${topic}-file:
    connector: file
    topic: ${topic}
    path: data/${dataFile.name}
    format: ${dataFile.format}
    mode: bounded
`;
  return `# What differs from the defaults.
topics:
  ${topic}:
    partitions: 1
    schema: schemas/${topic}.json
${connector}`;
}

/** Undefined: any value. */
const JSON_TYPES: Readonly<Record<InferredField['type'], string | undefined>> = {
  text: 'string',
  timestamptz: 'string',
  int8: 'integer',
  numeric: 'number',
  float8: 'number',
  boolean: 'boolean',
  jsonb: undefined,
};

interface SchemaNode {
  type?: string | readonly string[];
  required?: string[];
  properties?: Record<string, SchemaNode>;
}

function jsonSchemaOf({ topic, schema }: ProjectDesign): JsonObject {
  const root: SchemaNode = { type: 'object' };
  for (const field of schema.fields) {
    let at = root;
    field.path.forEach((step, depth) => {
      const last = depth === field.path.length - 1;
      at.properties ??= {};
      at.properties[step] ??= last ? schemaOf(field) : { type: 'object' };
      if (!field.nullable && !at.required?.includes(step)) at.required = [...(at.required ?? []), step];
      at = at.properties[step];
    });
  }
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title: topic, ...root };
}

function schemaOf({ type, nullable }: InferredField): SchemaNode {
  const json = JSON_TYPES[type];
  if (json === undefined) return {};
  return { type: nullable ? [json, 'null'] : json };
}

function pipelineText({ topic, schema }: ProjectDesign): string {
  const { fields, timeField, groupField } = schema;
  const columns = fields.map((field) => {
    const from = field.path.length === 1 && field.path[0] === field.name ? '' : ` FROM '${jsonPathOf(field.path)}'`;
    return `  ${quoted(field.name)} ${field.type}${from}${field.nullable ? '' : ' NOT NULL'}`;
  });
  if (timeField !== undefined) {
    const time = quoted(timeField.name);
    columns.push(`  WATERMARK FOR ${time} AS ${time} - INTERVAL '${schema.disorder}'`);
  }
  const group = groupField === undefined ? undefined : quoted(groupField.name);
  return `-- What comes in.
CREATE SOURCE ${topic} (
${columns.join(',\n')}
) WITH (topic = '${topic}', format = 'json');

${viewText(topic, timeField, group)}

-- Fires when there are more than this; choose the number that fits.
CREATE ALERT many_${topic} ON ${viewName(topic, timeField)}
WHEN events >= 1000
WITH (severity = 'warning', summary = 'Many ${topic}');
`;
}

export function viewName(topic: string, timeField: InferredField | undefined): string {
  return timeField === undefined ? `${topic}_counts` : `${topic}_1m`;
}

function viewText(topic: string, timeField: InferredField | undefined, group: string | undefined): string {
  if (timeField === undefined) {
    const columns = group === undefined ? '' : `${group}, `;
    return `-- How many there are.
CREATE MATERIALIZED VIEW ${viewName(topic, timeField)} AS
SELECT ${columns}count(*) AS events
FROM ${topic}${group === undefined ? '' : `\nGROUP BY ${group}`};`;
  }
  const groups = ['window_start', 'window_end', ...(group === undefined ? [] : [group])];
  return `-- How many there are, minute by minute.
CREATE MATERIALIZED VIEW ${viewName(topic, timeField)} AS
SELECT ${groups.join(', ')}, count(*) AS events
FROM TUMBLE(${topic}, ${quoted(timeField.name)}, INTERVAL '1 minute')
GROUP BY ${groups.join(', ')};`;
}

function jsonPathOf(path: readonly string[]): string {
  return `$${path.map((step) => (/^[A-Za-z_]\w*$/.test(step) ? `.${step}` : `['${step.replaceAll("'", "\\'")}']`)).join('')}`.replaceAll(
    "'",
    "''",
  );
}

/** Reserved words and odd names are quoted; quoting a plain name does no harm. */
function quoted(name: string): string {
  return /^[\p{Ll}_][\p{Ll}\p{N}_]*$/u.test(name) && !RESERVED.has(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** Words that PostgreSQL reserves (appendix C) and that data likes to be called. */
const RESERVED: ReadonlySet<string> = new Set(
  'all and any array as asc both case cast check column constraint create current_date current_time current_timestamp default desc distinct do else end except false fetch for foreign from grant group having in initially into leading limit not null offset on only or order primary references select some table then to trailing true union unique user using when where window with'.split(
    ' ',
  ),
);

function testText(design: ProjectDesign): string {
  const { topic, sample, schema } = design;
  const input = sample.map((record) => `    - ${JSON.stringify(record)}`).join('\n');
  const expected = expectedCounts(design).map((row) => `    - ${JSON.stringify(row)}`);
  return `# Rows in, rows out; run it with "npx headrace test".
input:
  ${topic}:
${input}
expect:
  ${viewName(topic, schema.timeField)}:
${expected.join('\n')}
`;
}

const MINUTE_MS = 60_000;

/** What the view must hold after the sample, counted here independently of the engine. */
export function expectedCounts({ sample, schema }: Pick<ProjectDesign, 'sample' | 'schema'>): readonly JsonObject[] {
  const { timeField, groupField } = schema;
  const rows = new Map<string, Record<string, unknown> & { events: number }>();
  for (const record of sample) {
    const row: Record<string, unknown> = {};
    if (timeField !== undefined) {
      const start = Math.floor(instantOf(valueAt(record, timeField.path)) / MINUTE_MS) * MINUTE_MS;
      row.window_start = new Date(start).toISOString();
      row.window_end = new Date(start + MINUTE_MS).toISOString();
    }
    if (groupField !== undefined) row[groupField.name] = valueAt(record, groupField.path);
    const key = JSON.stringify(row);
    const known = rows.get(key) ?? { ...row, events: 0 };
    known.events += 1;
    rows.set(key, known);
  }
  return [...rows.values()];
}

function packageOf({ name, dependency }: ProjectDesign): JsonObject {
  return {
    name,
    private: true,
    type: 'module',
    scripts: { start: 'headrace start', dev: 'headrace dev', test: 'headrace test' },
    dependencies: { headrace: dependency },
  };
}

function readmeText({ name, topic, schema, dataFile }: ProjectDesign): string {
  const input =
    dataFile === undefined
      ? 'Events come over HTTP: "npx headrace dev" prints a curl that sends one.'
      : `Events come from data/${dataFile.name}.`;
  return `# ${name}

${input} \`pipelines/${topic}.sql\` counts them into the view \`${viewName(topic, schema.timeField)}\`.

    npm install
    npx headrace dev      # runs it and applies every save; the console is at http://127.0.0.1:8080
    npx headrace test     # rows in, rows out
`;
}
