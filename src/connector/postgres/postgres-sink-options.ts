import { option } from '../../base/config/option.ts';
import type { OptionValues } from '../../base/config/option-set.ts';
import { SINK_OPTIONS } from '../sink-options.ts';
import { POSTGRES_CONNECTION_OPTIONS } from './postgres-connection.ts';

/** Options of a PostgreSQL sink: `CREATE SINK ... WITH (connector = 'postgres', ...)`. */
export const POSTGRES_SINK_OPTIONS = {
  ...POSTGRES_CONNECTION_OPTIONS,
  table: option.text({
    name: 'table',
    fallback: '',
    help: 'Table that is written, as in public.orders; its columns have the names of those of the view.',
  }),
  mode: option.choice({
    name: 'mode',
    choices: ['auto', 'append', 'upsert'],
    fallback: 'auto',
    help: 'append: each row is inserted; upsert: a row replaces the one of its key, and goes when it goes from the view; auto: upsert for what updates its rows, else append.',
  }),
  key: option.list({
    name: 'key',
    fallback: [],
    help: 'Columns that tell the rows of the table apart; that of the view when nothing is said. What only gets rows has none: name it for upsert.',
  }),
  createTable: option.boolean({
    name: 'create_table',
    fallback: false,
    help: 'Whether a table that is not there is made; one that is there is checked either way.',
  }),
  positionSchema: option.text({
    name: 'position_schema',
    fallback: undefined,
    help: 'Schema of the table headrace_sink_position, which holds how far sinks are; that of the table when nothing is said.',
  }),
  constraintRetries: option.integer({
    name: 'constraint_retries',
    fallback: 2,
    min: 0,
    max: 100,
    help: 'Further attempts of a batch with a row that a constraint refuses, before the row becomes a dead letter: what it refers to may come a little later.',
  }),
  timeout: option.duration({
    name: 'timeout',
    fallback: 30_000,
    min: 1,
    max: 600_000,
    help: 'How long connecting, a statement, or a wait for a lock may take.',
  }),
  ...SINK_OPTIONS,
} as const;

export type PostgresSinkOptions = OptionValues<typeof POSTGRES_SINK_OPTIONS>;
