import { parseDurationMs } from '../../base/duration.ts';
import { HeadraceError, type SourcePosition } from '../../base/error.ts';
import { nearestName } from '../../base/nearest-name.ts';
import { resolveAlertKeys } from '../../plan/alert-key.ts';
import type { Column } from '../../plan/data-type.ts';
import { alertRuleNode, inputsOf, outputNode, pipelineOf, sinkNode, sourceNode } from '../../plan/factory.ts';
import type {
  AlertRuleNode,
  EmitPolicy,
  OutputNode,
  Pipeline,
  PlanNode,
  SinkNode,
  SourceNode,
  UserModule,
} from '../../plan/node.ts';
import { optimize, optimizeOutputs } from '../../plan/optimizer/optimizer.ts';
import { liftOutputs } from '../../plan/optimizer/user-call-lifting.ts';
import { outputShape } from '../../plan/output-key.ts';
import { shareNodes } from '../../plan/pipeline-text.ts';
import { viewSource } from '../../plan/view-source.ts';
import { FUTURE_LIMIT_DEFAULT_MS, IDLE_TIMEOUT_DEFAULT_MS } from '../../plan/watermark-default.ts';
import { type DeclaredLookup, declaredLookup } from '../clause/lookup-clause.ts';
import { ExpressionBinder } from '../expression-binder.ts';
import type { QueryRules, RelationCatalog } from '../relation.ts';
import { type DeclaredFunction, Scope } from '../scope.ts';
import { SelectBinder } from '../select-binder.ts';
import { loadQueryParser, parseExpression, parseQuery } from '../text/query-parser.ts';
import { SourceText } from '../text/source-text.ts';
import { declaredFunction } from './declared-function.ts';
import type { CreateLookup } from './lookup-statement.ts';
import type {
  CreateAlert,
  CreateFunction,
  CreateMaterializedView,
  CreateSink,
  CreateSource,
  CreateView,
  NameAt,
  OptionAt,
  Options,
  Statement,
  TextRange,
} from './statement.ts';
import { parseStatements } from './statement-parser.ts';

/** A bundle and, where they are known, the names that it exports. */
export interface LoadedModule extends UserModule {
  readonly exports?: readonly string[];
}

/** An option as written, and where. */
export interface SinkOption {
  readonly value: string;
  readonly position: SourcePosition;
  readonly namePosition: SourcePosition;
}

export interface CompileOptions {
  /** Name of the pipeline: the file's, without its ending. */
  readonly name: string;
  /** For error messages. */
  readonly file?: string;
  /** Bundles a file of user functions; the path is as written in `CREATE FUNCTION`. */
  readonly loadModule?: (path: string) => LoadedModule | Promise<LoadedModule>;
  /** Refuses the options that a sink's connector does not take; throws an error with its position. */
  readonly checkSink?: (name: string, connector: SinkOption, options: ReadonlyMap<string, SinkOption>) => void;
  /** As `checkSink`, for a look-up. */
  readonly checkLookup?: (
    lookup: { readonly name: string; readonly keyNames: readonly string[]; readonly columns: readonly string[] },
    connector: SinkOption,
    options: ReadonlyMap<string, SinkOption>,
  ) => void;
  /** Views of other pipelines, by name: queries may read them, and alerts and sinks name them. */
  readonly views?: ReadonlyMap<string, OutputNode>;
}

/**
 * The statements of one pipeline file as a plan.
 *
 * @throws HeadraceError with the position of the mistake and, where one is near, the name that was probably meant
 */
export async function compilePipeline(text: string, options: CompileOptions): Promise<Pipeline> {
  await loadQueryParser();
  const source = new SourceText(text, options.file);
  const statements = parseStatements(source);
  const compiler = new PipelineCompiler(source, options);
  for (const statement of statements) {
    if (statement.kind === 'create-function') await compiler.addFunction(statement);
  }
  for (const statement of statements) compiler.add(statement);
  return compiler.finish();
}

class PipelineCompiler {
  readonly #source: SourceText;
  readonly #options: CompileOptions;
  readonly #sources: SourceNode[] = [];
  readonly #outputs: OutputNode[] = [];
  readonly #sinks: SinkNode[] = [];
  readonly #alerts: AlertRuleNode[] = [];
  readonly #modules = new Map<string, UserModule>();
  readonly #functions = new Map<string, DeclaredFunction>();
  /** Sources and views: what FROM may name. A view that is read twice is the same node, and is computed once. */
  readonly #relations = new Map<string, PlanNode>();
  readonly #lookups = new Map<string, DeclaredLookup>();
  readonly #names = new Set<string>();

  constructor(source: SourceText, options: CompileOptions) {
    this.#source = source;
    this.#options = options;
  }

  finish(): Pipeline {
    const pipeline = pipelineOf({
      name: this.#options.name,
      sources: this.#sources,
      outputs: liftOutputs(optimizeOutputs(this.#outputs)),
      sinks: this.#sinks,
      alerts: this.#alerts,
      modules: [...this.#modules.values()],
    });
    return shareNodes(pipeline);
  }

  async addFunction(statement: CreateFunction): Promise<void> {
    const { loadModule } = this.#options;
    if (loadModule === undefined) throw this.#source.error(statement.at, 'user functions cannot be loaded here');
    const { at, file, exportName } = statement;
    const { hash, code, exports } = await this.#source.locateLater(at, async () => loadModule(file));
    if (exports !== undefined && !exports.includes(exportName)) {
      const near = nearestName(exportName, exports);
      throw this.#source.error(at, `${file} does not export "${exportName}"`, {
        code: 'SQL_UNKNOWN_FUNCTION',
        next: near === undefined ? `it exports ${exports.join(', ') || 'nothing'}` : `did you mean "${near}"?`,
      });
    }
    this.#modules.set(hash, { hash, code });
    const { name } = statement.name;
    if (this.#functions.has(name)) throw this.#twice(statement.name);
    this.#functions.set(name, declaredFunction(this.#source, statement, hash));
  }

  add(statement: Statement): void {
    switch (statement.kind) {
      case 'create-source':
        this.#addSource(statement);
        break;
      case 'create-view':
        this.#addView(statement);
        break;
      case 'create-materialized-view':
        this.#addMaterializedView(statement);
        break;
      case 'create-sink':
        this.#addSink(statement);
        break;
      case 'create-alert':
        this.#addAlert(statement);
        break;
      case 'create-lookup':
        this.#addLookup(statement);
        break;
      case 'create-function':
        break;
    }
  }

  #declare(name: NameAt): void {
    if (this.#names.has(name.name)) throw this.#twice(name);
    this.#names.add(name.name);
  }

  #twice(name: NameAt): Error {
    return this.#source.error(name.at, `"${name.name}" is declared twice`, {
      code: 'SQL_DUPLICATE_NAME',
      next: 'choose another name',
    });
  }

  /** @throws HeadraceError `SQL_UNKNOWN_OPTION` */
  #checkOptions(options: Options, known: readonly string[]): void {
    for (const [name, { nameAt }] of options) {
      if (known.includes(name)) continue;
      const near = nearestName(name, known);
      throw this.#source.error(nameAt, `option "${name}" is not known`, {
        code: 'SQL_UNKNOWN_OPTION',
        next: near === undefined ? `there is ${known.join(', ') || 'none here'}` : `did you mean "${near}"?`,
      });
    }
  }

  #duration(options: Options, name: string, otherwise: number): number {
    const option = options.get(name);
    return option === undefined ? otherwise : this.#source.locate(option.at, () => parseDurationMs(option.value));
  }

  #addSource(statement: CreateSource): void {
    const { name, columns, watermark, options } = statement;
    this.#declare(name);
    this.#checkOptions(options, ['topic', 'format', 'idle_timeout', 'future_limit']);
    const format = options.get('format');
    if (format !== undefined && format.value.toLowerCase() !== 'json') {
      throw this.#source.error(format.at, `format "${format.value}" is not supported`, {
        code: 'SQL_NOT_SUPPORTED',
        next: "use 'json'",
      });
    }
    const idleTimeoutMs = this.#duration(options, 'idle_timeout', IDLE_TIMEOUT_DEFAULT_MS);
    const futureLimitMs = this.#duration(options, 'future_limit', FUTURE_LIMIT_DEFAULT_MS);
    const idle = watermark === undefined ? (options.get('idle_timeout') ?? options.get('future_limit')) : undefined;
    if (idle !== undefined) {
      throw this.#source.error(idle.nameAt, 'this option has no effect without a watermark', {
        code: 'SQL_UNKNOWN_OPTION',
        next: 'add WATERMARK FOR to the columns, or remove it',
      });
    }
    const seen = new Set<string>();
    for (const column of columns) {
      if (seen.has(column.name)) throw this.#twice(column);
      seen.add(column.name);
    }
    const scope = Scope.of(name.name, columns);
    const keys = statement.primaryKey?.map((key) => scope.resolve(this.#source, key.at, key.name).index);
    const spec = {
      name: name.name,
      topic: options.get('topic')?.value ?? name.name,
      columns: columns.map((column, index) => (keys?.includes(index) ? { ...column, nullable: false } : column)),
      ...(keys !== undefined && { changes: { mode: 'upsert' as const, keys } }),
      watermark:
        watermark === undefined
          ? undefined
          : {
              columnIndex: scope.resolve(this.#source, watermark.column.at, watermark.column.name).index,
              delayUs: watermark.delayUs,
              idleTimeoutMs,
              futureLimitMs,
            },
    };
    const node = this.#source.locate(watermark?.column.at ?? name.at, () => sourceNode(spec));
    this.#sources.push(node);
    this.#relations.set(name.name, node);
  }

  #addLookup(statement: CreateLookup): void {
    this.#declare(statement.name);
    const lookup = declaredLookup(this.#source, statement);
    const { connector, rest } = this.#connectorOptions(statement.options);
    const keyNames = statement.keys.map((key) => key.name);
    const columns = lookup.columns.map((column) => column.name);
    this.#options.checkLookup?.({ name: lookup.name, keyNames, columns }, connector!, rest);
    this.#lookups.set(lookup.name, lookup);
  }

  /** The options of a connector, and where they stand. */
  #connectorOptions(options: Options): { connector: SinkOption | undefined; rest: ReadonlyMap<string, SinkOption> } {
    const placed = ({ value, at, nameAt }: OptionAt): SinkOption => ({
      value,
      position: this.#source.position(at),
      namePosition: this.#source.position(nameAt),
    });
    const all = new Map([...options].map(([name, option]) => [name, placed(option)]));
    const connector = all.get('connector');
    all.delete('connector');
    return { connector, rest: all };
  }

  #query(range: TextRange, rules: QueryRules): PlanNode {
    const { select, place, temporal, matches } = parseQuery(this.#source, range);
    const catalog: RelationCatalog = {
      find: (name) => this.#relations.get(name) ?? this.#otherView(name) ?? this.#refuseLookup(name),
      names: () => [...this.#relations.keys(), ...(this.#options.views?.keys() ?? [])],
    };
    const context = {
      source: this.#source,
      place,
      temporal,
      matches,
      functions: this.#functions,
      lookups: this.#lookups,
    };
    return new SelectBinder(context, rules).bind(select, catalog);
  }

  /** The caller knows the place. */
  #refuseLookup(name: string): undefined {
    if (!this.#lookups.has(name)) return;
    throw new HeadraceError(`"${name}" is a look-up: it has no rows of its own`, {
      code: 'SQL_LOOKUP',
      domain: 'sql',
      next: `write FROM ... JOIN ${name} ON ${name}.key = ...`,
    });
  }

  /** A view of another pipeline: its topic becomes a source of this one. */
  #otherView(name: string): SourceNode | undefined {
    const view = this.#options.views?.get(name);
    if (view === undefined) return undefined;
    const node = viewSource(view);
    this.#sources.push(node);
    this.#relations.set(name, node);
    this.#names.add(name);
    return node;
  }

  #addView(statement: CreateView): void {
    this.#declare(statement.name);
    this.#checkOptions(statement.options, ['ttl']);
    const ttl = statement.options.get('ttl');
    const ttlMs = ttl === undefined ? undefined : this.#duration(statement.options, 'ttl', 0);
    const node = this.#query(statement.query, { streaming: true, ttlMs });
    this.#requireEffect(statement.options, node);
    this.#relations.set(statement.name.name, node);
  }

  /** A time-to-live that bounds nothing would be believed to. */
  #requireEffect(options: Options, node: PlanNode): void {
    const ttl = options.get('ttl');
    if (ttl === undefined || holdsTtl(node)) return;
    throw this.#source.error(ttl.nameAt, 'option "ttl" has no effect here', {
      code: 'SQL_UNKNOWN_OPTION',
      next: 'it bounds joins, and DISTINCT without ORDER BY of rows that only come: remove it',
    });
  }

  #addMaterializedView(statement: CreateMaterializedView): void {
    const { name, options } = statement;
    this.#declare(name);
    this.#checkOptions(options, ['topic', 'ttl']);
    const ttlMs = options.has('ttl') ? this.#duration(options, 'ttl', 0) : undefined;
    const input = this.#query(statement.query, { streaming: true, ttlMs });
    this.#requireEffect(options, input);
    const emit = statement.emit ?? this.#emitOf(input);
    if (emit.kind === 'final' && !closes(input)) {
      throw this.#source.error(statement.query.end, 'EMIT ON WINDOW CLOSE has no effect: nothing in this view closes', {
        code: 'SQL_INVALID_CLAUSE',
        next: 'remove it, or read from a window such as TUMBLE(relation, time, INTERVAL ...)',
      });
    }
    const output = this.#source.locate(statement.query.start, () => {
      const topic = options.get('topic')?.value ?? name.name;
      return outputNode({ name: name.name, topic, input, ...outputShape(optimize(input), emit.kind), emit });
    });
    this.#outputs.push(output);
    this.#relations.set(name.name, input);
  }

  /** A view that does not say when it emits, and passes on the rows of one that does when its windows close, does as that one. */
  #emitOf(input: PlanNode): EmitPolicy {
    let node = input;
    const isFinal = (): boolean =>
      this.#outputs.some((output) => output.input === node && output.emit.kind === 'final');
    while (!isFinal()) {
      if (node.kind !== 'filter' && node.kind !== 'project' && node.kind !== 'table-function')
        return { kind: 'updates' };
      node = node.input;
    }
    return { kind: 'final' };
  }

  /** Columns of a source, a view's output or a relation of another pipeline. */
  #columnsOf(name: NameAt, what: 'output' | 'any'): readonly Column[] {
    const output = this.#outputs.find((candidate) => candidate.name === name.name);
    const source = what === 'any' ? this.#sources.find((candidate) => candidate.name === name.name) : undefined;
    const found = output?.input.columns ?? source?.columns ?? this.#options.views?.get(name.name)?.input.columns;
    if (found !== undefined) return found;
    const names = [...this.#outputs.map((candidate) => candidate.name), ...(this.#options.views?.keys() ?? [])];
    const near = nearestName(name.name, names);
    throw this.#source.error(name.at, `materialized view "${name.name}" does not exist`, {
      code: 'SQL_UNKNOWN_RELATION',
      next: near === undefined ? `there is ${names.join(', ') || 'none'}` : `did you mean "${near}"?`,
    });
  }

  #addSink(statement: CreateSink): void {
    this.#columnsOf(statement.from, 'any');
    const { connector, rest } = this.#connectorOptions(statement.options);
    if (connector === undefined) {
      throw this.#source.error(statement.name.at, `sink "${statement.name.name}" names no connector`, {
        code: 'SQL_UNKNOWN_OPTION',
        next: "add WITH (connector = '...')",
      });
    }
    if (this.#sinks.some((sink) => sink.name === statement.name.name)) throw this.#twice(statement.name);
    this.#options.checkSink?.(statement.name.name, connector, rest);
    this.#sinks.push(
      sinkNode({
        name: statement.name.name,
        from: statement.from.name,
        connector: connector.value,
        options: Object.fromEntries([...rest].map(([name, { value }]) => [name, value])),
      }),
    );
  }

  #addAlert(statement: CreateAlert): void {
    const { name, view, options } = statement;
    this.#checkOptions(options, ['severity', 'summary', 'webhook', 'keep_firing_for']);
    const columns = this.#columnsOf(view, 'output');
    const scope = Scope.of(view.name, columns);
    const { node, place } = parseExpression(this.#source, statement.condition);
    const condition = new ExpressionBinder({ source: this.#source, place, functions: this.#functions }, scope).boolean(
      node,
      'WHEN',
    );
    const { start, end } = statement.condition;
    const output = this.#outputs.find((candidate) => candidate.name === view.name);
    const keys = statement.keys?.map((key) => scope.resolve(this.#source, key.at, key.name).index);
    this.#alerts.push(
      alertRuleNode({
        name: name.name,
        view: view.name,
        condition,
        conditionText: this.#source.text.slice(start, end).replace(/\s+/g, ' '),
        keys: keys ?? resolveAlertKeys(output),
        forMs: statement.forMs,
        keepFiringForMs: this.#duration(options, 'keep_firing_for', 0),
        severity: this.#severity(options),
        summary: options.get('summary')?.value ?? name.name,
        webhook: options.get('webhook')?.value,
      }),
    );
  }

  #severity(options: Options): AlertRuleNode['severity'] {
    const option = options.get('severity');
    const value = option?.value ?? 'warning';
    if (value === 'info' || value === 'warning' || value === 'critical') return value;
    throw this.#source.error(option!.at, `severity "${value}" is not known`, {
      code: 'SQL_UNKNOWN_OPTION',
      next: "use 'info', 'warning' or 'critical'",
    });
  }
}

function holdsTtl(node: PlanNode): boolean {
  return ('ttlMs' in node && node.ttlMs !== undefined) || inputsOf(node).some(holdsTtl);
}

/** What has an end in event time. */
const CLOSING: ReadonlySet<PlanNode['kind']> = new Set(['window', 'over', 'join', 'temporal-join', 'match']);

function closes(node: PlanNode): boolean {
  return CLOSING.has(node.kind) || inputsOf(node).some(closes);
}
