import { HeadraceError, messageOf } from '../error.ts';
import { nearestName } from '../nearest-name.ts';
import { environmentName, flagName, type Option, parseOption } from './option.ts';
import type { YamlSection, YamlValue } from './yaml-section.ts';

export type OptionMap = Readonly<Record<string, Option<unknown>>>;
export type OptionValues<Options extends OptionMap> = {
  readonly [Key in keyof Options]: Options[Key] extends Option<infer Value> ? Value : never;
};

export interface OptionSources {
  readonly file: YamlSection | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By flag name, without dashes. */
  readonly flags: Readonly<Record<string, string>>;
  /** Reads the file that `<secret>_file` names; without it such keys are refused. */
  readonly readSecret?: (path: string) => string;
}

/** A secret may be given by the name of a file that holds it: this follows its name. */
const FILE_SUFFIX = '_file';

/**
 * The values of a set of options: flags before environment before file before fallback. What the file holds beyond the
 * set and beyond `otherKeys` is refused.
 *
 * @throws HeadraceError `CONFIG_UNKNOWN_KEY`, `CONFIG_VALUE_INVALID`, `CONFIG_SECRET_IN_FILE`, with line and column
 */
export function readOptions<Options extends OptionMap>(
  options: Options,
  sources: OptionSources,
  otherKeys: readonly string[] = [],
): OptionValues<Options> {
  const byName = new Map(Object.values(options).map((declared) => [declared.name, declared]));
  const secretFiles = Object.values(options).flatMap(({ name, secret }) => (secret ? [name + FILE_SUFFIX] : []));
  const names = new Set([...byName.keys(), ...secretFiles]);
  if (sources.file !== undefined) refuseUnknownKeys(sources.file, names, otherKeys);
  refuseUnknownVariables(sources.env, names);
  refuseUnknownFlags(sources.flags, byName);
  const values = Object.entries(options).map(([key, declared]) => [key, pickValue(declared, sources)]);
  return Object.freeze(Object.fromEntries(values)) as OptionValues<Options>;
}

/** The values of a part of the file alone, such as one topic. */
export function readSection<Options extends OptionMap>(options: Options, section: YamlSection): OptionValues<Options> {
  return readOptions(options, { file: section, env: {}, flags: {} });
}

function pickValue(declared: Option<unknown>, sources: OptionSources): unknown {
  const { file, env, flags } = sources;
  const flag = flagName(declared.name);
  const fromFlag = flags[flag];
  if (fromFlag !== undefined && declared.secret) throw secretInFlag(declared, flag);
  if (fromFlag !== undefined) return parseOption(declared, fromFlag, `flag --${flag}`);
  const variable = environmentName(declared.name);
  const fromEnv = env[variable];
  if (fromEnv !== undefined && fromEnv !== '' && !isServiceLink(variable, fromEnv))
    return parseOption(declared, fromEnv, `environment variable ${variable}`);
  const fromFile = file?.at(declared.name);
  if (fromFile === undefined && declared.secret) return readSecretFile(declared, sources);
  if (fromFile === undefined) return declared.fallback;
  if (declared.secret) throw secretInFile(declared, fromFile);
  return parseOption(declared, fromFile.text, positionText(fromFile), fromFile.position);
}

function readSecretFile(declared: Option<unknown>, { file, env, readSecret }: OptionSources): unknown {
  const name = declared.name + FILE_SUFFIX;
  const path = env[environmentName(name)] || file?.at(name)?.text;
  if (path === undefined) return declared.fallback;
  try {
    if (readSecret === undefined) throw new Error('secret files are not read here');
    return parseOption(declared, readSecret(path).replace(/\r?\n$/, ''), name);
  } catch (error) {
    throw new HeadraceError(`reading ${name} from ${path}: ${messageOf(error)}`, {
      code: 'CONFIG_VALUE_INVALID',
      domain: 'config',
      cause: error,
      next: 'check the path and its permissions',
    });
  }
}

function secretInFlag(declared: Option<unknown>, flag: string): HeadraceError {
  return new HeadraceError(`reading --${flag}: other users of the machine can read flags`, {
    code: 'CONFIG_SECRET_IN_FLAG',
    domain: 'config',
    next: `set the environment variable ${environmentName(declared.name)}`,
  });
}

function positionText({ position }: YamlValue): string {
  return `${position.file}:${position.line}:${position.column}`;
}

function secretInFile(declared: Option<unknown>, value: YamlValue): HeadraceError {
  return new HeadraceError(
    `reading ${declared.name} from ${positionText(value)}: a secret does not belong in the file`,
    {
      code: 'CONFIG_SECRET_IN_FILE',
      domain: 'config',
      position: value.position,
      next: `set the environment variable ${environmentName(declared.name)}`,
    },
  );
}

function refuseUnknownKeys(file: YamlSection, names: ReadonlySet<string>, otherKeys: readonly string[]): void {
  for (const value of file.leaves()) {
    const { path } = value;
    if (names.has(path) || otherKeys.some((key) => path === key || path.startsWith(`${key}.`))) continue;
    const near = nearestName(path, [...names, ...otherKeys]);
    throw new HeadraceError(`reading ${positionText(value)}: unknown key "${path}"`, {
      code: 'CONFIG_UNKNOWN_KEY',
      domain: 'config',
      position: value.position,
      next:
        near === undefined ? 'see docs/reference/options.md for the keys that there are' : `did you mean "${near}"?`,
    });
  }
}

/** Variables of the environment that begin so are ours. */
const VARIABLE_PREFIX = 'HEADRACE_';
/** Ours too, but not options of a project: what the command line and the tests read. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set([
  'HEADRACE_URL',
  'HEADRACE_TOKEN',
  'HEADRACE_DEBUG',
  'HEADRACE_CHROMIUM',
]);

/**
 * What Kubernetes injects into every pod for a service named `headrace` or `headrace-...` (kubernetes.io, "Service",
 * environment variables; the form of Docker links): `{NAME}_SERVICE_HOST`, `{NAME}_SERVICE_PORT[_{PORT NAME}]`, `{NAME}_PORT`
 * and `{NAME}_PORT_{number}_{protocol}[_{part}]`. The two whose value is a URL are known by it, since `HEADRACE_HTTP_PORT` is
 * an option: a number is the option, `tcp://10.0.0.1:8080` the link to a service `headrace-http`.
 */
const SERVICE_VARIABLE = /^HEADRACE(_[A-Z0-9_]+)?_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/;
const LINK_PART_VARIABLE = /^HEADRACE(_[A-Z0-9_]+)?_PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)$/;
const LINK_VARIABLE = /^HEADRACE(_[A-Z0-9_]+)?_PORT(_\d+_(TCP|UDP|SCTP))?$/;
const LINK_VALUE = /^(tcp|udp|sctp):\/\//;

export function isServiceLink(name: string, value: string | undefined): boolean {
  if (SERVICE_VARIABLE.test(name) || LINK_PART_VARIABLE.test(name)) return true;
  return LINK_VARIABLE.test(name) && LINK_VALUE.test(value ?? '');
}

function refuseUnknownVariables(env: OptionSources['env'], names: ReadonlySet<string>): void {
  const known = new Set([...names].map(environmentName));
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(VARIABLE_PREFIX) || known.has(name) || OTHER_VARIABLES.has(name)) continue;
    if (value === undefined || isServiceLink(name, value)) continue;
    const near = nearestName(name, known);
    throw new HeadraceError(`reading the environment: unknown variable ${name}`, {
      code: 'CONFIG_UNKNOWN_KEY',
      domain: 'config',
      next: near === undefined ? 'unset it' : `did you mean ${near}?`,
    });
  }
}

function refuseUnknownFlags(flags: OptionSources['flags'], byName: ReadonlyMap<string, Option<unknown>>): void {
  const known = new Set([...byName.keys()].map(flagName));
  for (const flag of Object.keys(flags)) {
    if (known.has(flag)) continue;
    const near = nearestName(flag, known);
    throw new HeadraceError(`reading the flags: unknown flag --${flag}`, {
      code: 'CONFIG_UNKNOWN_KEY',
      domain: 'config',
      next: near === undefined ? 'see "headrace help" for the flags that there are' : `did you mean --${near}?`,
    });
  }
}
