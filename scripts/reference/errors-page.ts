import { HeadraceError } from '../../src/base/error.ts';
import { ERROR_CATALOG } from '../../src/base/error-catalog.ts';
import { statusOf } from '../../src/protocol/http/problem.ts';
import { code, pageHead, table } from './markdown.ts';

/** Parts of the system, in the order of the page. */
const DOMAINS: Readonly<Record<string, string>> = {
  CONFIG: 'Configuration and projects',
  SQL: 'SQL text',
  PLAN: 'Plans, types and values',
  SCHEMA: 'Schemas',
  CONNECTOR: 'Connectors',
  INGEST: 'Ingest',
  HTTP: 'The HTTP door',
  SERVING: 'Queries, tables and live streams',
  ALERT: 'Alerts',
  SECURITY: 'Security',
  ENGINE: 'Pipelines',
  LOG: 'The log',
  KERNEL: 'The kernel',
  CLI: 'The command line',
};

/** Those that a client of the HTTP door does not meet. */
const INTERNAL: ReadonlySet<string> = new Set(['CLI', 'CONFIG', 'CONNECTOR', 'KERNEL', 'ENGINE']);

export function errorsPage(): string {
  const sections = Object.entries(DOMAINS).map(([prefix, title]) => {
    const entries = Object.entries(ERROR_CATALOG).filter(([name]) => name.startsWith(`${prefix}_`));
    if (INTERNAL.has(prefix)) {
      return `## ${title}\n\n${table(
        ['code', 'what it means, and what to do'],
        entries.map(([name, text]) => [code(name), text]),
      )}`;
    }
    const rows = entries.map(([name, text]) => [code(name), httpStatus(name), text]);
    return `## ${title}\n\n${table(['code', 'HTTP', 'what it means, and what to do'], rows)}`;
  });
  return `${pageHead(
    'Error codes',
    `An error has a stable code, and a message that begins with what was being done and ends with what to do next. Over HTTP it
is a problem document (RFC 9457) with \`code\`, \`detail\`, \`next\` and, where there is a place in your text, \`position\`; on the
command line \`--json\` gives the same. No status means 500, or an error that no client of the door meets. Reasons of dead letters are in
[how-to/dead-letters.md](../how-to/dead-letters.md#reasons).`,
  )}\n${sections.join('\n')}`;
}

/** Empty for what says nothing to a client: 500, or an error that never comes to the door. */
function httpStatus(name: string): string {
  const domain = name.split('_', 1)[0]!.toLowerCase() as HeadraceError['domain'];
  const status = statusOf(new HeadraceError('', { code: name, domain }));
  return status === 500 && name !== 'HTTP_INTERNAL' ? '' : String(status);
}
