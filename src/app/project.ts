import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, extname, join, relative, resolve } from 'node:path';
import { assertCoherent } from '../base/config/option-coherence.ts';
import { type OptionSources, readOptions, readSection } from '../base/config/option-set.ts';
import { OPTIONS, type Options, TOPIC_OPTIONS } from '../base/config/options.ts';
import { secretFileReader } from '../base/config/secret-file.ts';
import { parseYaml, type YamlSection } from '../base/config/yaml-section.ts';
import { HeadraceError, messageOf } from '../base/error.ts';
import { bindUserModule, ownFunctions } from '../builder/user-function.ts';
import { isPipeline } from '../plan/factory.ts';
import type { OutputNode, Pipeline } from '../plan/node.ts';
import { compilePipeline, type LoadedModule } from '../sql/statement/pipeline-compiler.ts';
import { checkLookup, checkLookupNodes } from './lookups.ts';
import { bundleFunctions, loadModule } from './module-bundle.ts';
import { checkSink, checkSinkNode } from './sinks.ts';
import type { TopicDeclaration } from './topic-setup.ts';

/** Keys of `headrace.yaml` that hold named parts, not options. */
const TOPICS_KEY = 'topics';
const CONNECTORS_KEY = 'connectors';
const FILE_NAME = 'headrace.yaml';
const CACHE_FOLDER = join('.headrace', 'cache');

/** One entry of `connectors:`; its connector reads the options. */
export interface ConnectorDeclaration {
  readonly name: string;
  readonly options: YamlSection;
}

/** A user's project, read and compiled whole. */
export interface Project {
  readonly name: string;
  readonly dir: string;
  readonly options: Options;
  readonly topics: readonly TopicDeclaration[];
  readonly connectors: readonly ConnectorDeclaration[];
  readonly pipelines: readonly Pipeline[];
}

/**
 * Reads a project: `headrace.yaml`, `pipelines/*.sql` and `*.ts`, and the schemas that its topics name. A single `.sql` or
 * `.ts` file is a project of one pipeline.
 *
 * @throws HeadraceError of domain `config`, `schema`, `sql` or `plan`, with file, line and column where there is one
 */
export async function loadProject(path: string, sources: Omit<OptionSources, 'file'>): Promise<Project> {
  const target = resolve(path);
  if (!existsSync(target)) {
    throw new HeadraceError(`opening project ${path}: there is no such folder or file`, {
      code: 'CONFIG_PROJECT_MISSING',
      domain: 'config',
      next: `make one with "headrace init ${basename(path)}"`,
    });
  }
  const single = !statSync(target).isDirectory();
  const dir = single ? resolve(target, '..') : target;
  const file = single ? undefined : readYaml(dir);
  const options = readOptions(OPTIONS, { readSecret: secretFileReader(dir), ...sources, file }, [
    TOPICS_KEY,
    CONNECTORS_KEY,
  ]);
  assertCoherent(options);
  return {
    name: single ? basename(target, extname(target)) : basename(dir),
    dir,
    options,
    topics: readTopics(dir, file),
    connectors: [...(file?.sections(CONNECTORS_KEY) ?? [])].map(([name, section]) => ({ name, options: section })),
    pipelines: await compileAll(dir, single ? [target] : pipelineFiles(dir)),
  };
}

function readYaml(dir: string): YamlSection | undefined {
  const path = join(dir, FILE_NAME);
  return existsSync(path) ? parseYaml(readFileSync(path, 'utf8'), relative(process.cwd(), path)) : undefined;
}

function readTopics(dir: string, file: YamlSection | undefined): TopicDeclaration[] {
  return [...(file?.sections(TOPICS_KEY) ?? [])].map(([name, section]) => {
    const options = readSection(TOPIC_OPTIONS, section);
    return {
      name,
      partitions: options.partitions,
      retentionMs: options.retention,
      retentionBytes: options.retentionBytes,
      keyPath: options.key?.split('.'),
      schema: options.schema === undefined ? undefined : readSchema(join(dir, options.schema), name),
    };
  });
}

function readSchema(path: string, topic: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new HeadraceError(`reading the schema of topic "${topic}" from ${path}: ${messageOf(error)}`, {
      code: 'SCHEMA_UNREADABLE',
      domain: 'schema',
      cause: error,
      next: 'correct the file, or the path in headrace.yaml',
    });
  }
}

function pipelineFiles(dir: string): string[] {
  const folder = join(dir, 'pipelines');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /\.(sql|ts)$/.test(name) && !name.endsWith('.d.ts') && !name.endsWith('.test.ts'))
    .sort()
    .map((name) => join(folder, name));
}

/**
 * Each pipeline after those whose views it names, otherwise in the order of the files' names. A file that cannot be compiled is tried
 * again when others have been: its error counts when none can.
 */
async function compileAll(dir: string, files: readonly string[]): Promise<Pipeline[]> {
  const views = new Map<string, OutputNode>();
  const pipelines: Pipeline[] = [];
  let left = files;
  while (left.length > 0) {
    const failed: { readonly file: string; readonly error: unknown }[] = [];
    for (const file of left) {
      try {
        const pipeline = await compileFile(dir, file, views);
        const twin = pipelines.find((other) => other.name === pipeline.name);
        if (twin !== undefined) throw sameName(file, pipeline.name);
        for (const output of pipeline.outputs) views.set(output.name, output);
        pipelines.push(pipeline);
      } catch (error) {
        failed.push({ file, error });
      }
    }
    if (failed.length === left.length) throw failed[0]!.error;
    left = failed.map(({ file }) => file);
  }
  return pipelines;
}

async function compileFile(dir: string, file: string, views: ReadonlyMap<string, OutputNode>): Promise<Pipeline> {
  const shown = relative(process.cwd(), file);
  if (file.endsWith('.sql')) {
    return compilePipeline(readFileSync(file, 'utf8'), {
      name: basename(file, '.sql'),
      file: shown,
      views,
      checkSink,
      checkLookup,
      loadModule: (path) => functionsOf(dir, resolve(file, '..', path)),
    });
  }
  const exported = await loadModule({ file, root: dir }, join(dir, CACHE_FOLDER));
  const pipeline = exported.default;
  if (isPipeline(pipeline)) {
    for (const sink of pipeline.sinks) checkSinkNode(sink, { file: shown, line: 1, column: 1 });
    checkLookupNodes(pipeline, { file: shown, line: 1, column: 1 });
    return withFunctions(pipeline, exported, { file, root: dir });
  }
  throw new HeadraceError(`loading ${shown}: its default export is not a pipeline`, {
    code: 'CONFIG_NOT_A_PIPELINE',
    domain: 'config',
    position: { file: shown, line: 1, column: 1 },
    next: 'write "export default pipeline(...)", or move a file of functions out of pipelines/',
  });
}

/** The bundle that `CREATE FUNCTION` names. */
async function functionsOf(root: string, file: string): Promise<LoadedModule> {
  if (!existsSync(file)) {
    throw new HeadraceError(`there is no file ${relative(process.cwd(), file)}`, {
      code: 'CONFIG_MODULE_MISSING',
      domain: 'config',
      next: 'the path is relative to the SQL file',
    });
  }
  const { module, exports } = await bundleFunctions({ file, root });
  return { ...module, exports };
}

/** The pipeline of a TypeScript file with the functions that it declares bound to the bundle that the workers load. */
async function withFunctions(
  pipeline: Pipeline,
  exported: Readonly<Record<string, unknown>>,
  place: { readonly file: string; readonly root: string },
): Promise<Pipeline> {
  const used = ownFunctions(pipeline);
  if (used.length === 0) return pipeline;
  const missing = used.find((name) => typeof exported[name] !== 'function');
  if (missing === undefined) return bindUserModule(pipeline, (await bundleFunctions(place)).module);
  const shown = relative(process.cwd(), place.file);
  throw new HeadraceError(`loading ${shown}: the user function "${missing}" is not exported under its name`, {
    code: 'CONFIG_FUNCTION_NOT_EXPORTED',
    domain: 'config',
    position: { file: shown, line: 1, column: 1 },
    next: `write "export const ${missing} = udf('${missing}', ...)", so that the workers find it`,
  });
}

function sameName(file: string, name: string): HeadraceError {
  return new HeadraceError(`loading ${relative(process.cwd(), file)}: there is another pipeline named "${name}"`, {
    code: 'CONFIG_PIPELINE_TWICE',
    domain: 'config',
    next: 'rename one of the two',
  });
}
