import { option } from '../../base/config/option.ts';
import type { OptionValues } from '../../base/config/option-set.ts';

/** Options of a file source: one entry of `connectors:` with `connector: file`. */
export const FILE_SOURCE_OPTIONS = {
  connector: option.choice({
    name: 'connector',
    choices: ['file'],
    fallback: 'file',
    help: 'The system that is read.',
  }),
  topic: option.text({ name: 'topic', fallback: '', help: 'Topic that the records go to.' }),
  path: option.path({ name: 'path', fallback: '', help: 'File that is read; relative to the project.' }),
  format: option.choice({
    name: 'format',
    choices: ['combined', 'ndjson', 'csv'],
    fallback: 'ndjson',
    help: 'combined: the log of a web server (Apache, nginx); csv: the first row is the header.',
  }),
  mode: option.choice({
    name: 'mode',
    choices: ['bounded', 'replay'],
    fallback: 'bounded',
    help: 'bounded: once, to the end; replay: over and over at a steady rate, as if it were live.',
  }),
  rate: option.integer({
    name: 'rate',
    fallback: 200,
    min: 1,
    max: 100_000,
    help: 'Records a second (replay).',
  }),
  disorder: option.duration({
    name: 'disorder',
    fallback: 3_000,
    help: 'Event time is the present less a random time up to this (replay of combined).',
  }),
  burstEvery: option.duration({
    name: 'burst_every',
    fallback: 90_000,
    help: 'Time from one burst of errors to the next; 0 ms for none (replay of combined).',
  }),
  burstLength: option.duration({
    name: 'burst_length',
    fallback: 15_000,
    help: 'How long a burst of errors lasts (replay of combined).',
  }),
  burstPercent: option.integer({
    name: 'burst_percent',
    fallback: 40,
    min: 0,
    max: 100,
    help: "Share of a burst that is drawn from the file's failed requests (replay of combined).",
  }),
  seed: option.integer({
    name: 'seed',
    fallback: 1,
    min: 0,
    max: 2 ** 31,
    help: 'What disorder and bursts are drawn from (replay).',
  }),
} as const;

export type FileSourceOptions = OptionValues<typeof FILE_SOURCE_OPTIONS>;
