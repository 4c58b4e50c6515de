import { option } from '../../base/config/option.ts';
import { nearestName } from '../../base/nearest-name.ts';
import {
  CALL_CONCURRENCY_DEFAULT,
  CALL_CONCURRENCY_MAX,
  CALL_RETRIES_MAX,
  CALL_TIMEOUT_DEFAULT_MS,
  type CallOptions,
  callOptions,
} from '../../plan/call-options.ts';
import type { SourceText } from '../text/source-text.ts';
import type { OptionAt, Options } from './statement.ts';

const TIMEOUT_MAX_MS = 3_600_000;

/** Options of `CREATE FUNCTION ... WITH (...)`. */
const OPTIONS = {
  volatile: option.boolean({ name: 'volatile', fallback: false, help: 'Results differ from call to call.' }),
  asynchronous: option.boolean({ name: 'async', fallback: false, help: 'The function gives a promise.' }),
  pool: option.boolean({ name: 'pool', fallback: false, help: 'Calls run on the pool of worker threads.' }),
  concurrency: option.integer({
    name: 'concurrency',
    fallback: CALL_CONCURRENCY_DEFAULT,
    min: 1,
    max: CALL_CONCURRENCY_MAX,
    help: 'Calls that run at a time.',
  }),
  timeoutMs: option.duration({
    name: 'timeout',
    fallback: CALL_TIMEOUT_DEFAULT_MS,
    min: 1,
    max: TIMEOUT_MAX_MS,
    help: 'How long one call may take.',
  }),
  retries: option.integer({
    name: 'retries',
    fallback: 0,
    min: 0,
    max: CALL_RETRIES_MAX,
    help: 'Further attempts after one that failed.',
  }),
  onError: option.choice({
    name: 'on_error',
    choices: ['dead-letter', 'fail'],
    fallback: 'dead-letter',
    help: 'What a call that fails does.',
  }),
} as const;

/** Undefined when none is given. @throws HeadraceError `SQL_UNKNOWN_OPTION` at the place of the mistake */
export function readCallOptions(source: SourceText, options: Options): CallOptions | undefined {
  if (options.size === 0) return undefined;
  const known = Object.entries(OPTIONS);
  const spec: Record<string, unknown> = {};
  for (const [name, given] of options) {
    const [field, declared] = known.find(([, candidate]) => candidate.name === name) ?? [];
    if (declared === undefined) throw unknown(source, name, given);
    try {
      spec[field!] = declared.parse(given.value);
    } catch (error) {
      throw source.error(given.at, `option "${name}": ${(error as Error).message}`, {
        code: 'SQL_UNKNOWN_OPTION',
        next: declared.help,
      });
    }
  }
  return requireEffect(source, options, callOptions(spec as Partial<CallOptions>));
}

function unknown(source: SourceText, name: string, { nameAt }: OptionAt): Error {
  const names = Object.values(OPTIONS).map((declared) => declared.name);
  const near = nearestName(name, names);
  return source.error(nameAt, `option "${name}" is not known`, {
    code: 'SQL_UNKNOWN_OPTION',
    next: near === undefined ? `there is ${names.join(', ')}` : `did you mean "${near}"?`,
  });
}

/** Options that others switch on are refused without them: they would do nothing. */
function requireEffect(source: SourceText, options: Options, made: CallOptions): CallOptions {
  const refuse = (name: string, why: string, next: string): void => {
    const given = options.get(name);
    if (given !== undefined) throw source.error(given.nameAt, why, { code: 'SQL_UNKNOWN_OPTION', next });
  };
  if (made.asynchronous && made.pool) {
    refuse('pool', 'an asynchronous function does not run on the pool', 'remove one of the two options');
  }
  if (!(made.asynchronous || made.pool)) {
    const why = (name: string): string =>
      `"${name}" has no effect on a function that is neither asynchronous nor on the pool`;
    refuse('concurrency', why('concurrency'), 'add async = true or pool = true');
    refuse('retries', why('retries'), 'add async = true or pool = true');
  }
  return made;
}
