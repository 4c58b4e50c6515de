import { option } from '../../base/config/option.ts';
import type { OptionValues } from '../../base/config/option-set.ts';

/** Options that every look-up has: `CREATE LOOKUP ... WITH (...)`. */
export const LOOKUP_OPTIONS = {
  ttl: option.duration({
    name: 'ttl',
    fallback: 300_000,
    min: 0,
    help: 'How long what was found is kept; 0 s asks for every row.',
  }),
  negativeTtl: option.duration({
    name: 'negative_ttl',
    fallback: 30_000,
    min: 0,
    help: 'How long it is kept that nothing was found.',
  }),
  cache: option.integer({
    name: 'cache',
    fallback: 100_000,
    min: 0,
    max: 10_000_000,
    help: 'Keys that are kept at most; those asked for longest ago go first.',
  }),
  timeout: option.duration({
    name: 'timeout',
    fallback: 10_000,
    min: 1,
    max: 600_000,
    help: 'How long one request may take.',
  }),
  retries: option.integer({
    name: 'retries',
    fallback: 5,
    min: 0,
    max: 100,
    help: 'Further attempts after one that failed, with growing waits between them.',
  }),
  concurrency: option.integer({
    name: 'concurrency',
    fallback: 16,
    min: 1,
    max: 1_000,
    help: 'Requests that run at a time.',
  }),
  onError: option.choice({
    name: 'on_error',
    choices: ['dead-letter', 'fail'],
    fallback: 'dead-letter',
    help: 'What a look-up that fails does: its row goes to dead letters, or the pipeline stops.',
  }),
} as const;

export type LookupOptions = OptionValues<typeof LOOKUP_OPTIONS>;
