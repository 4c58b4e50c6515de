import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type OptionMap, readSection } from '../base/config/option-set.ts';
import { YamlSection } from '../base/config/yaml-section.ts';
import { HeadraceError, type SourcePosition } from '../base/error.ts';
import { nearestName } from '../base/nearest-name.ts';
import type { SinkConnector } from '../connector/connector.ts';
import { createFileSink } from '../connector/file/file-sink.ts';
import { FILE_SINK_OPTIONS } from '../connector/file/file-sink-options.ts';
import { createHttpSink, requireUrl } from '../connector/http/http-sink.ts';
import { HTTP_SINK_OPTIONS } from '../connector/http/http-sink-options.ts';
import { createPostgresSink } from '../connector/postgres/postgres-sink.ts';
import { POSTGRES_SINK_OPTIONS } from '../connector/postgres/postgres-sink-options.ts';
import { SINK_SPACE, unpinSink } from '../connector/sink-position.ts';
import type { SinkRelation } from '../connector/sink-relation.ts';
import type { Pipeline, SinkNode } from '../plan/node.ts';
import type { SinkOption } from '../sql/statement/pipeline-compiler.ts';
import { checkPostgresSink } from './connector-checks.ts';
import type { Parts } from './http-services.ts';
import { collectSinkMetrics } from './sink-metrics.ts';

type SinkServices = Pick<Parts, 'log' | 'clock' | 'logger' | 'metrics'>;
/** What sinks need to know of a project. */
export interface SinkProject {
  /** What the paths of its files start from. */
  readonly dir: string;
  readonly pipelines: readonly Pipeline[];
}

type OpenSink = (declared: DeclaredSink, project: SinkProject, parts: SinkServices) => SinkConnector;

interface SinkKind {
  readonly options: OptionMap;
  /** Options that have no fallback. */
  readonly needed: readonly string[];
  readonly open: OpenSink;
  /** Refuses what the declarations of the options cannot. */
  readonly check?: (name: string, options: ReadonlyMap<string, SinkOption>) => void;
}

/** The kinds that `CREATE SINK ... WITH (connector = '...')` may name. */
const SINKS: ReadonlyMap<string, SinkKind> = new Map<string, SinkKind>([
  [
    'file',
    {
      options: FILE_SINK_OPTIONS,
      needed: ['path'],
      open: ({ sink, topic }, { dir }, { log, clock, logger }) =>
        createFileSink(sink.name, topic, readSection(FILE_SINK_OPTIONS, sectionOf(sink)), dir, { log, clock, logger }),
    },
  ],
  [
    'http',
    {
      options: HTTP_SINK_OPTIONS,
      needed: ['url'],
      check: (name, options) => requireUrl(name, options.get('url')!.value, options.get('url')!.position),
      open: ({ sink, topic }, { dir }, { log, clock, logger }) => {
        const options = readSection(HTTP_SINK_OPTIONS, sectionOf(sink));
        const { bearerTokenFile } = options;
        const token = async () =>
          bearerTokenFile === undefined ? undefined : (await readFile(resolve(dir, bearerTokenFile), 'utf8')).trim();
        return createHttpSink(sink.name, topic, options, { log, clock, logger, token });
      },
    },
  ],
  [
    'postgres',
    {
      options: POSTGRES_SINK_OPTIONS,
      needed: ['url', 'table'],
      check: checkPostgresSink,
      open: ({ sink, topic, relation }, { dir }, { log, clock, logger }) => {
        const options = readSection(POSTGRES_SINK_OPTIONS, sectionOf(sink));
        return createPostgresSink(sink.name, topic, options, relation, { log, clock, logger, dir });
      },
    },
  ],
]);

/**
 * Refuses a sink that could not be opened, at the place of the mistake.
 * @throws HeadraceError `CONFIG_CONNECTOR_UNKNOWN`, `CONNECTOR_OPTION_MISSING`, domain `config`
 */
export function checkSink(name: string, connector: SinkOption, options: ReadonlyMap<string, SinkOption>): void {
  const kind = sinkKind(name, connector.value, connector.position);
  const known = new Set(Object.values(kind.options).map((declared) => declared.name));
  const values = [...options].map(([path, { value, position, namePosition }]) =>
    yamlValue(path, value, known.has(path) ? position : namePosition),
  );
  readSection(kind.options, new YamlSection(values));
  const missing = kind.needed.find((needed) => (options.get(needed)?.value ?? '') === '');
  if (missing === undefined) {
    kind.check?.(name, options);
    return;
  }
  const { help } = Object.values(kind.options).find((declared) => declared.name === missing)!;
  throw new HeadraceError(`reading sink "${name}": "${missing}" is missing`, {
    code: 'CONNECTOR_OPTION_MISSING',
    domain: 'connector',
    position: connector.position,
    next: `set it (${help})`,
  });
}

/** As {@link checkSink}, for a sink that was declared in TypeScript. */
export function checkSinkNode({ name, connector, options }: SinkNode, position: SourcePosition): void {
  const at = (value: string): SinkOption => ({ value, position, namePosition: position });
  checkSink(name, at(connector), new Map(Object.entries(options).map(([key, value]) => [key, at(value)])));
}

/** The sinks of the running project. */
export class RunningSinks {
  readonly #parts: SinkServices;
  readonly #running = new Map<string, { readonly identity: string; readonly connector: SinkConnector }>();

  constructor(parts: SinkServices) {
    this.#parts = parts;
    collectSinkMetrics(parts.metrics, () => [...this.#running.values()].map(({ connector }) => connector));
  }

  /** Starts what the project declares, stops what it no longer does; what is unchanged runs on. The topics exist. */
  async apply(project: SinkProject): Promise<void> {
    const declared = declaredSinks(project);
    for (const [name, { identity, connector }] of this.#running) {
      if (declared.get(name)?.identity === identity) continue;
      await connector.stop();
      unpinSink(this.#parts.log, name);
      this.#running.delete(name);
    }
    for (const name of this.#parts.log.ledgerEntries(SINK_SPACE).keys()) {
      if (!declared.has(name)) unpinSink(this.#parts.log, name);
    }
    for (const [name, one] of declared) {
      if (this.#running.has(name)) continue;
      const connector = sinkKind(name, one.sink.connector).open(one, project, this.#parts);
      this.#running.set(name, { identity: one.identity, connector });
      connector.start();
    }
  }

  /** Resolves when everything that the topics hold has been delivered. */
  async drained(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ connector }) => connector.drained()));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ connector }) => connector.stop()));
  }
}

interface DeclaredSink {
  readonly sink: SinkNode;
  readonly topic: string;
  readonly relation: SinkRelation;
  /** Of what runs: another one is started anew. */
  readonly identity: string;
}

function declaredSinks(project: SinkProject): ReadonlyMap<string, DeclaredSink> {
  const sinks = new Map<string, DeclaredSink>();
  for (const sink of project.pipelines.flatMap((pipeline) => pipeline.sinks)) {
    if (sinks.has(sink.name)) throw sinkTwice(sink.name);
    const { topic, relation } = readOf(sink, project);
    sinks.set(sink.name, { sink, topic, relation, identity: JSON.stringify([sink, topic, relation]) });
  }
  return sinks;
}

/** Of a view of any pipeline, or of a source of its own. */
function readOf(sink: SinkNode, { pipelines }: SinkProject): Pick<DeclaredSink, 'topic' | 'relation'> {
  const output = pipelines.flatMap(({ outputs }) => outputs).find(({ name }) => name === sink.from);
  if (output !== undefined) {
    const { topic, mode, keys, input } = output;
    const columns = input.columns.map(({ name, type, nullable }) => ({ name, type, nullable, path: [name] }));
    return { topic, relation: { columns, kind: mode, keys } };
  }
  const source = pipelines.flatMap(({ sources }) => sources).find(({ name }) => name === sink.from);
  const columns = (source?.columns ?? []).map(({ name, type, nullable, path }) => ({ name, type, nullable, path }));
  // The key of a record of somebody else's is what they have made of it.
  return {
    topic: source?.topic ?? sink.from,
    relation: { columns, kind: source?.changes?.mode ?? 'append', keys: [] },
  };
}

function sectionOf({ name, options }: SinkNode): YamlSection {
  const position = { file: `sink ${name}`, line: 1, column: 1 };
  return new YamlSection(Object.entries(options).map(([path, value]) => yamlValue(path, value, position)));
}

function yamlValue(path: string, text: string, position: SourcePosition) {
  return { path, text, position: { ...position, file: position.file ?? 'SQL' } };
}

function sinkKind(name: string, connector: string, position?: SourcePosition): SinkKind {
  const kind = SINKS.get(connector);
  if (kind !== undefined) return kind;
  const near = nearestName(connector, SINKS.keys());
  throw new HeadraceError(`reading sink "${name}": unknown connector "${connector}"`, {
    code: 'CONFIG_CONNECTOR_UNKNOWN',
    domain: 'config',
    ...(position && { position }),
    next: near === undefined ? `use one of ${[...SINKS.keys()].join(', ')}` : `did you mean "${near}"?`,
  });
}

function sinkTwice(name: string): HeadraceError {
  return new HeadraceError(`opening sink "${name}": there is another one of this name`, {
    code: 'SQL_DUPLICATE_NAME',
    domain: 'connector',
    next: 'rename one of the two: the position of a sink is kept by its name',
  });
}
