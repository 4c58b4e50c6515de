import { option } from '../base/config/option.ts';

/** Of sinks that write rows as JSON. */
export const ROW_FORM_OPTIONS = {
  rows: option.choice({
    name: 'rows',
    choices: ['auto', 'plain', 'changes'],
    fallback: 'auto',
    help: 'plain: the row alone, deletes are left out; changes: {"op", "key", "row"}; auto: changes for what updates its rows, else plain.',
  }),
} as const;

/** Options that every sink has. */
export const SINK_OPTIONS = {
  start: option.choice({
    name: 'start',
    choices: ['earliest', 'latest'],
    fallback: 'earliest',
    help: 'Where a new sink begins: at the first record that is kept, or with what comes from now on.',
  }),
  batchRows: option.integer({
    name: 'batch_rows',
    fallback: 1_000,
    min: 1,
    max: 100_000,
    help: 'Rows that are delivered together, at most.',
  }),
  batchBytes: option.bytes({
    name: 'batch_bytes',
    fallback: 1024 * 1024,
    min: 1,
    max: 64 * 1024 * 1024,
    help: 'Bytes that are delivered together, about; a single larger row goes alone.',
  }),
  batchWait: option.duration({
    name: 'batch_wait',
    fallback: 100,
    min: 0,
    max: 3_600_000,
    help: 'How long the first row of a batch waits for others.',
  }),
  retryMax: option.duration({
    name: 'retry_max',
    fallback: 30_000,
    min: 1,
    max: 3_600_000,
    help: 'Longest wait between attempts while the target does not take what is sent.',
  }),
} as const;
