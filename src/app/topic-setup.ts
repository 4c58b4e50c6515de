import { HeadraceError } from '../base/error.ts';
import type { Log, TopicConfig, TopicKind } from '../log/log.ts';
import type { Pipeline, SourceNode } from '../plan/node.ts';
import { schemaOfColumns } from '../schema/column-schema.ts';
import { compileSchema, type TopicSchema } from '../schema/topic-schema.ts';

/** Property of a topic that holds its JSON Schema, as text. */
export const SCHEMA_PROPERTY = 'schema';

/** A topic as a project or a client declares it; what is left out has the configured default. */
export interface TopicDeclaration {
  readonly name: string;
  readonly kind?: TopicKind | undefined;
  readonly partitions?: number | undefined;
  readonly retentionMs?: number | undefined;
  readonly retentionBytes?: number | undefined;
  readonly keyPath?: readonly string[] | undefined;
  /** JSON Schema (draft 2020-12) of its records. */
  readonly schema?: unknown;
}

export interface TopicDefaults {
  readonly retentionMs: number | undefined;
  readonly retentionBytes: number | undefined;
  readonly segmentBytesMax: number;
}

/** The topics of a process with their compiled schemas. */
export class TopicCatalogue {
  readonly #log: Log;
  readonly #defaults: TopicDefaults;
  readonly #schemas = new Map<string, { readonly text: string; readonly schema: TopicSchema }>();

  constructor(log: Log, defaults: TopicDefaults) {
    this.#log = log;
    this.#defaults = defaults;
  }

  /** The compiled schema of a topic; undefined when any JSON is accepted. */
  schemaOf(topic: string): TopicSchema | undefined {
    const text = this.#log.topic(topic)?.properties[SCHEMA_PROPERTY];
    if (text === undefined) return undefined;
    const known = this.#schemas.get(topic);
    if (known !== undefined && known.text === text) return known.schema;
    const schema = compileSchema(JSON.parse(text), `of topic "${topic}"`);
    this.#schemas.set(topic, { text, schema });
    return schema;
  }

  /** @throws HeadraceError `LOG_TOPIC_EXISTS`, `LOG_TOPIC_NAME_INVALID`, domain `schema` */
  async create(declaration: TopicDeclaration): Promise<void> {
    await this.#log.createTopic(this.#configOf(declaration));
  }

  /** Makes the topic, or gives an existing one the declared schema; what cannot change is refused. */
  async ensure(declaration: TopicDeclaration): Promise<void> {
    const existing = this.#log.topic(declaration.name);
    if (existing === undefined) {
      await this.create(declaration);
      return;
    }
    const { partitions = existing.partitions } = declaration;
    if (partitions !== existing.partitions) throw partitionsChanged(existing, partitions);
    const wanted = this.#configOf(declaration).properties;
    if (wanted[SCHEMA_PROPERTY] === undefined || wanted[SCHEMA_PROPERTY] === existing.properties[SCHEMA_PROPERTY])
      return;
    await this.#log.setTopicProperties(declaration.name, { ...existing.properties, ...wanted });
  }

  #configOf(declaration: TopicDeclaration): TopicConfig {
    const { schema } = declaration;
    if (schema !== undefined) compileSchema(schema, `of topic "${declaration.name}"`);
    // Of an upsert topic compaction leaves what stands: time must not take rows that nobody has changed for long.
    const { retentionMs, retentionBytes } =
      declaration.kind === 'upsert' ? { retentionMs: undefined, retentionBytes: undefined } : this.#defaults;
    return {
      name: declaration.name,
      partitions: declaration.partitions ?? 1,
      kind: declaration.kind ?? 'append',
      retentionMs: declaration.retentionMs ?? retentionMs,
      retentionBytes: declaration.retentionBytes ?? retentionBytes,
      segmentBytesMax: this.#defaults.segmentBytesMax,
      keyPath: declaration.keyPath,
      properties: schema === undefined ? {} : { [SCHEMA_PROPERTY]: JSON.stringify(schema) },
    };
  }
}

function partitionsChanged(existing: TopicConfig, wanted: number): HeadraceError {
  return new HeadraceError(
    `declaring topic "${existing.name}": it has ${existing.partitions} partitions, ${wanted} are declared, and keys would move`,
    {
      code: 'CONFIG_TOPIC_PARTITIONS',
      domain: 'config',
      next: 'declare the number that it has, or use a new topic',
    },
  );
}

/**
 * The topics of a project: those that it declares, and those that its pipelines read. A topic that a pipeline writes is of the
 * kind that its view makes.
 */
export function topicsOfProject(
  declared: readonly TopicDeclaration[],
  pipelines: readonly Pipeline[],
): readonly TopicDeclaration[] {
  const names = new Set(declared.map((topic) => topic.name));
  const modes = new Map(pipelines.flatMap(({ outputs }) => outputs.map(({ topic, mode }) => [topic, mode])));
  return [...declared, ...topicsOfSources(pipelines, names)].map((topic) => {
    const kind = modes.get(topic.name);
    return kind === undefined ? topic : { ...topic, kind };
  });
}

/** The topics that a pipeline reads and nobody declared: with the schema that its source's columns imply. */
function topicsOfSources(pipelines: readonly Pipeline[], declared: ReadonlySet<string>): TopicDeclaration[] {
  const sources = new Map<string, SourceNode>();
  for (const pipeline of pipelines) {
    for (const source of pipeline.sources) if (!declared.has(source.topic)) sources.set(source.topic, source);
  }
  return [...sources.values()].map((source) => ({ name: source.topic, schema: schemaOfColumns(source.columns) }));
}
