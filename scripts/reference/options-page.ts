import { describeOptions, type OptionDescription } from '../../src/base/config/option-description.ts';
import type { OptionMap } from '../../src/base/config/option-set.ts';
import { OPTIONS, TOPIC_OPTIONS } from '../../src/base/config/options.ts';
import { FILE_LOOKUP_OPTIONS } from '../../src/connector/file/file-lookup.ts';
import { FILE_SINK_OPTIONS } from '../../src/connector/file/file-sink-options.ts';
import { FILE_SOURCE_OPTIONS } from '../../src/connector/file/file-source-options.ts';
import { HTTP_LOOKUP_OPTIONS } from '../../src/connector/http/http-lookup.ts';
import { HTTP_SINK_OPTIONS } from '../../src/connector/http/http-sink-options.ts';
import { LOOKUP_OPTIONS } from '../../src/connector/lookup/lookup-options.ts';
import { POSTGRES_LOOKUP_OPTIONS } from '../../src/connector/postgres/postgres-lookup.ts';
import { POSTGRES_SINK_OPTIONS } from '../../src/connector/postgres/postgres-sink-options.ts';
import { REDIS_LOOKUP_OPTIONS } from '../../src/connector/redis/redis-lookup.ts';
import { SINK_OPTIONS } from '../../src/connector/sink-options.ts';
import { code, pageHead, table } from './markdown.ts';

const KINDS: Readonly<Record<string, string>> = {
  text: 'text',
  path: 'path',
  integer: 'whole number',
  bytes: 'size (`64MiB`)',
  duration: 'duration (`10s`)',
  boolean: '`true` or `false`',
  list: 'list',
};

export function optionsPage(): string {
  return `${pageHead(
    'Options',
    `A project's options stand in \`headrace.yaml\`, dots being levels (\`http.port\` is \`port\` below \`http\`). Each may also be
given in the environment and as a flag of \`headrace start\`, \`dev\` and \`run\`; the flag wins over the environment, the
environment over the file, the file over the default. An unknown key, flag or \`HEADRACE_\` variable is refused, with the
nearest right one; so is a size or a duration without a unit.

- Sizes: \`B\`, \`KB\`, \`MB\`, \`GB\`, \`TB\` (powers of 1000), \`KiB\`, \`MiB\`, \`GiB\`, \`TiB\` (powers of 1024).
- Durations: \`us\`, \`ms\`, \`s\`, \`m\`, \`h\`, \`d\`, \`w\`, or the words; \`1h 30m\` adds up.
- Lists: \`[a, b]\` in the file, \`a,b\` elsewhere.
- Secrets are refused in the file and as flags. They come from the environment, or from a file of their own: \`<option>_file\`
  in \`headrace.yaml\` or \`HEADRACE_<OPTION>_FILE\` names it (relative to the project). No log and no command shows them.

Beside the options, the command line reads \`HEADRACE_URL\` and \`HEADRACE_TOKEN\` (where to ask, and as whom),
\`HEADRACE_DEBUG\` (stacks of errors) and \`NO_COLOR\`. What Kubernetes injects for a service named \`headrace\` or
\`headrace-...\` (\`HEADRACE_SERVICE_HOST\`, \`HEADRACE_PORT_8080_TCP_ADDR\` and their like) is recognised and ignored.`,
  )}
## Of a project

${optionTable(OPTIONS)}
## Of a topic

Below \`topics.<name>\`. A topic that a pipeline reads and that is not declared is made with the defaults.

${partTable(TOPIC_OPTIONS)}
## Of a connector

Below \`connectors.<name>\`. There is one kind, \`file\`.

${partTable(FILE_SOURCE_OPTIONS)}
## Of a sink

In \`CREATE SINK ... WITH (...)\`, beside \`connector\`. Of every sink:

${partTable(SINK_OPTIONS)}
Of a sink with \`connector = 'file'\`:

${partTable(ownOptions(FILE_SINK_OPTIONS))}
Of a sink with \`connector = 'http'\`:

${partTable(ownOptions(HTTP_SINK_OPTIONS))}
Of a sink with \`connector = 'postgres'\`, which needs the package \`pg\`:

${partTable(ownOptions(POSTGRES_SINK_OPTIONS))}
## Of a look-up

In \`CREATE LOOKUP ... WITH (...)\`, beside \`connector\`. Of every look-up:

${partTable(LOOKUP_OPTIONS)}
Of a look-up with \`connector = 'http'\`:

${partTable(ownOptions(HTTP_LOOKUP_OPTIONS, LOOKUP_OPTIONS))}
Of a look-up with \`connector = 'file'\`:

${partTable(ownOptions(FILE_LOOKUP_OPTIONS, LOOKUP_OPTIONS))}
Of a look-up with \`connector = 'redis'\`, which needs the package \`ioredis\`:

${partTable(ownOptions(REDIS_LOOKUP_OPTIONS, LOOKUP_OPTIONS))}
Of a look-up with \`connector = 'postgres'\`, which needs the package \`pg\`:

${partTable(ownOptions(POSTGRES_LOOKUP_OPTIONS, LOOKUP_OPTIONS))}`;
}

/** Those that not every sink, or not every look-up, has. */
function ownOptions(options: OptionMap, common: OptionMap = SINK_OPTIONS): OptionMap {
  return Object.fromEntries(Object.entries(options).filter(([key]) => !(key in common)));
}

function optionTable(options: OptionMap): string {
  const rows = describeOptions(options).map((one) => [
    code(one.name),
    kindText(one),
    code(one.fallback),
    helpText(one),
    [one.flag, one.environment].flatMap((name) => (name === undefined ? [] : [code(name)])).join(' '),
  ]);
  return table(['option', 'value', 'default', 'what it does', 'flag, environment'], rows);
}

/** Parts of the file that have neither flag nor variable. */
function partTable(options: OptionMap): string {
  const rows = describeOptions(options).map((one) => [
    code(one.name),
    kindText(one),
    code(one.fallback),
    helpText(one),
  ]);
  return table(['option', 'value', 'default', 'what it does'], rows);
}

function kindText({ kind, choices, range }: OptionDescription): string {
  if (choices !== undefined) return choices.map(code).join(', ');
  const kinds = KINDS[kind] ?? kind;
  return range === undefined ? kinds : `${kinds}, ${range}`;
}

function helpText({ help, secret }: OptionDescription): string {
  return secret ? `${help} Secret.` : help;
}
