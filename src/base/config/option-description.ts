import { byteText, durationText, environmentName, flagName, type Option } from './option.ts';
import type { OptionMap, OptionValues } from './option-set.ts';

/** What documentation and forms say of an option. */
export interface OptionDescription {
  readonly name: string;
  readonly kind: string;
  /** As it would be written; empty for none. */
  readonly fallback: string;
  readonly environment: string;
  /** Undefined for a secret. */
  readonly flag: string | undefined;
  readonly help: string;
  readonly choices: readonly string[] | undefined;
  /** `1 to 64`, `at most 4GiB`. */
  readonly range: string | undefined;
  readonly secret: boolean;
}

export function describeOptions(options: OptionMap): readonly OptionDescription[] {
  return Object.values(options).map((declared) => ({
    name: declared.name,
    kind: declared.kind,
    fallback: declared.secret ? '' : valueText(declared, declared.fallback),
    environment: environmentName(declared.name),
    flag: declared.secret ? undefined : `--${flagName(declared.name)}`,
    help: declared.help,
    choices: declared.choices,
    range: declared.range,
    secret: declared.secret,
  }));
}

/** The values as lines `name: value`, for logs and `doctor`; secrets are not shown. */
export function printOptions<Options extends OptionMap>(options: Options, values: OptionValues<Options>): string {
  return Object.entries(options)
    .map(([key, declared]) => {
      const value: unknown = values[key as keyof Options];
      const shown = declared.secret && value !== undefined ? '[redacted]' : valueText(declared, value);
      return `${declared.name}: ${shown}`.trimEnd();
    })
    .join('\n');
}

function valueText(declared: Option<unknown>, value: unknown): string {
  if (value === undefined) return '';
  if (declared.kind === 'duration') return durationText(Number(value));
  if (declared.kind === 'bytes') return byteText(Number(value));
  return Array.isArray(value) ? value.join(',') : String(value);
}
