import type { MetricDescription } from '../../src/telemetry/metrics.ts';
import { code, pageHead, table } from './markdown.ts';

export function metricsPage(families: readonly MetricDescription[]): string {
  const rows = (wanted: (name: string) => boolean): string[][] =>
    families
      .filter(({ name }) => wanted(name))
      .map(({ name, type, labelNames, help }) => [
        code(name),
        type,
        labelNames.map(code).join(', '),
        help.replace(/\.$/, ''),
      ]);
  const head = ['metric', 'type', 'labels', 'what it measures'];
  const own = (name: string): boolean => name.startsWith('headrace_');
  return `${pageHead(
    'Metrics',
    `\`GET /metrics\` gives them to Prometheus (text format 0.0.4); \`GET /api/v2/metrics\` gives figures as JSON, with quantiles. A
label set beyond 2,000 of one metric is counted as \`_other\`.`,
  )}
## Of Headrace

${table(head, rows(own))}
## Of the process

${table(
  head,
  rows((name) => !own(name)),
)}`;
}
