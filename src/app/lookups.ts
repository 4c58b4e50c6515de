import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { type OptionMap, readSection } from '../base/config/option-set.ts';
import { YamlSection } from '../base/config/yaml-section.ts';
import { HeadraceError, type SourcePosition } from '../base/error.ts';
import { nearestName } from '../base/nearest-name.ts';
import { FILE_LOOKUP_OPTIONS, FileLookupSource } from '../connector/file/file-lookup.ts';
import { HTTP_LOOKUP_OPTIONS, HttpLookupSource } from '../connector/http/http-lookup.ts';
import { CachedLookup } from '../connector/lookup/cached-lookup.ts';
import { LOOKUP_OPTIONS } from '../connector/lookup/lookup-options.ts';
import type { LookupSource, LookupTarget } from '../connector/lookup/lookup-source.ts';
import { connectPostgres } from '../connector/postgres/postgres-client.ts';
import { POSTGRES_LOOKUP_OPTIONS, PostgresLookupSource } from '../connector/postgres/postgres-lookup.ts';
import { connectRedis } from '../connector/redis/redis-client.ts';
import { REDIS_LOOKUP_OPTIONS, RedisLookupSource } from '../connector/redis/redis-lookup.ts';
import type { LookupFactory } from '../engine/effect/lookup.ts';
import { inputsOf } from '../plan/factory.ts';
import type { LookupNode, Pipeline, PlanNode } from '../plan/node.ts';
import type { SinkOption } from '../sql/statement/pipeline-compiler.ts';
import { checkHttpLookup, checkPostgresLookup, checkRedisLookup, type DeclaredLookup } from './connector-checks.ts';

interface LookupKind {
  readonly options: OptionMap;
  /** Options that have no fallback. */
  readonly needed: readonly string[];
  /** Refuses what the declarations of the options cannot. */
  readonly check?: (declared: DeclaredLookup, options: ReadonlyMap<string, SinkOption>) => void;
  readonly open: (target: LookupTarget, dir: string) => LookupSource;
}

/** The kinds that `CREATE LOOKUP ... WITH (connector = '...')` may name. */
const LOOKUPS: ReadonlyMap<string, LookupKind> = new Map<string, LookupKind>([
  [
    'http',
    {
      options: HTTP_LOOKUP_OPTIONS,
      needed: ['url'],
      check: checkHttpLookup,
      open: (target, dir) => {
        const options = readSection(HTTP_LOOKUP_OPTIONS, sectionOf(target.options));
        const { bearerTokenFile } = options;
        const token = async () =>
          bearerTokenFile === undefined ? undefined : (await readFile(resolve(dir, bearerTokenFile), 'utf8')).trim();
        return new HttpLookupSource(options, target, token);
      },
    },
  ],
  [
    'file',
    {
      options: FILE_LOOKUP_OPTIONS,
      needed: ['path'],
      open: (target, dir) => {
        const { path } = readSection(FILE_LOOKUP_OPTIONS, sectionOf(target.options));
        return new FileLookupSource(resolve(dir, path ?? ''), target);
      },
    },
  ],
  [
    'redis',
    {
      options: REDIS_LOOKUP_OPTIONS,
      needed: ['url', 'key'],
      check: checkRedisLookup,
      open: (target, dir) => {
        const options = readSection(REDIS_LOOKUP_OPTIONS, sectionOf(target.options));
        return new RedisLookupSource(options, target, () => connectRedis(options, dir));
      },
    },
  ],
  [
    'postgres',
    {
      options: POSTGRES_LOOKUP_OPTIONS,
      needed: ['url'],
      check: checkPostgresLookup,
      open: (target, dir) => {
        const options = readSection(POSTGRES_LOOKUP_OPTIONS, sectionOf(target.options));
        return new PostgresLookupSource(options, target, () => connectPostgres(options, dir));
      },
    },
  ],
]);

/**
 * Refuses a look-up that could not be opened, at the place of the mistake.
 * @throws HeadraceError `CONFIG_CONNECTOR_UNKNOWN`, `CONNECTOR_OPTION_MISSING`, domain `config`
 */
export function checkLookup(
  declared: DeclaredLookup,
  connector: SinkOption,
  options: ReadonlyMap<string, SinkOption>,
): void {
  const kind = kindOf(declared.name, connector.value, connector.position);
  const known = new Set(Object.values(kind.options).map((option) => option.name));
  const values = [...options].map(([path, { value, position, namePosition }]) =>
    yamlValue(path, value, known.has(path) ? position : namePosition),
  );
  readSection(kind.options, new YamlSection(values));
  const missing = kind.needed.find((needed) => (options.get(needed)?.value ?? '') === '');
  if (missing === undefined) {
    kind.check?.(declared, options);
    return;
  }
  const { help } = Object.values(kind.options).find((option) => option.name === missing)!;
  throw new HeadraceError(`reading look-up "${declared.name}": "${missing}" is missing`, {
    code: 'CONNECTOR_OPTION_MISSING',
    domain: 'connector',
    position: connector.position,
    next: `set it (${help})`,
  });
}

/** As {@link checkLookup}, for the look-ups of a pipeline in TypeScript. */
export function checkLookupNodes(pipeline: Pipeline, position: SourcePosition): void {
  const placed = (value: string): SinkOption => ({ value, position, namePosition: position });
  for (const { name, connector, options, keyNames, found } of lookupsIn(pipeline)) {
    const columns = found.map((column) => column.name);
    const given = new Map(Object.entries(options).map(([option, value]) => [option, placed(value)]));
    checkLookup({ name, keyNames, columns }, placed(connector), given);
  }
}

function lookupsIn(pipeline: Pipeline): ReadonlySet<LookupNode> {
  const found = new Set<LookupNode>();
  const visit = (node: PlanNode): void => {
    if (node.kind === 'lookup') found.add(node);
    for (const input of inputsOf(node)) visit(input);
  };
  for (const { input } of pipeline.outputs) visit(input);
  return found;
}

/** Opens the look-ups of a project's pipelines; paths are relative to its folder. */
export function lookupsOf(dir: string): LookupFactory {
  return (target) => {
    const source = kindOf(target.name, target.connector).open(target, dir);
    const own = Object.values(LOOKUP_OPTIONS).map((option) => option.name);
    const common = Object.entries(target.options).filter(([name]) => own.includes(name as (typeof own)[number]));
    const options = readSection(LOOKUP_OPTIONS, sectionOf(Object.fromEntries(common)));
    return new CachedLookup(source, options, { clock: systemClock, random: Math.random });
  };
}

function sectionOf(options: Readonly<Record<string, string>>): YamlSection {
  const position = { file: 'look-up', line: 1, column: 1 };
  return new YamlSection(Object.entries(options).map(([path, value]) => yamlValue(path, value, position)));
}

function yamlValue(path: string, text: string, position: SourcePosition) {
  return { path, text, position: { ...position, file: position.file ?? 'SQL' } };
}

function kindOf(name: string, connector: string, position?: SourcePosition): LookupKind {
  const kind = LOOKUPS.get(connector);
  if (kind !== undefined) return kind;
  const near = nearestName(connector, LOOKUPS.keys());
  throw new HeadraceError(`reading look-up "${name}": unknown connector "${connector}"`, {
    code: 'CONFIG_CONNECTOR_UNKNOWN',
    domain: 'config',
    ...(position && { position }),
    next: near === undefined ? `use one of ${[...LOOKUPS.keys()].join(', ')}` : `did you mean "${near}"?`,
  });
}
