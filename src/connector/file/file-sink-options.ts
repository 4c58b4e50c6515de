import { option } from '../../base/config/option.ts';
import type { OptionValues } from '../../base/config/option-set.ts';
import { ROW_FORM_OPTIONS, SINK_OPTIONS } from '../sink-options.ts';

/** Options of a file sink: `CREATE SINK ... WITH (connector = 'file', ...)`. */
export const FILE_SINK_OPTIONS = {
  path: option.path({
    name: 'path',
    fallback: '',
    help: 'File that is written, one JSON row a line; relative to the project.',
  }),
  existing: option.choice({
    name: 'existing',
    choices: ['refuse', 'append', 'replace'],
    fallback: 'refuse',
    help: 'What to do when a new sink finds that its file holds something already.',
  }),
  ...ROW_FORM_OPTIONS,
  ...SINK_OPTIONS,
} as const;

export type FileSinkOptions = OptionValues<typeof FILE_SINK_OPTIONS>;
