import { option } from '../../base/config/option.ts';
import type { OptionValues } from '../../base/config/option-set.ts';
import { ROW_FORM_OPTIONS, SINK_OPTIONS } from '../sink-options.ts';

/** Options of an HTTP sink (a webhook): `CREATE SINK ... WITH (connector = 'http', ...)`. */
export const HTTP_SINK_OPTIONS = {
  url: option.text({ name: 'url', fallback: '', help: 'Address that the rows are sent to with POST.' }),
  format: option.choice({
    name: 'format',
    choices: ['ndjson', 'json'],
    fallback: 'ndjson',
    help: 'ndjson: one row a line; json: an array of rows.',
  }),
  bearerTokenFile: option.path({
    name: 'bearer_token_file',
    fallback: undefined,
    help: 'File that holds the token for the Authorization header; relative to the project.',
  }),
  timeout: option.duration({
    name: 'timeout',
    fallback: 30_000,
    min: 1,
    max: 600_000,
    help: 'How long an answer is waited for.',
  }),
  ...ROW_FORM_OPTIONS,
  ...SINK_OPTIONS,
} as const;

export type HttpSinkOptions = OptionValues<typeof HTTP_SINK_OPTIONS>;
