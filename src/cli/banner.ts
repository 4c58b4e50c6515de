import { packageVersion } from '../app/version.ts';
import { curlLine, ownEventQuery } from '../protocol/http/sample-event.ts';
import type { RunningApp } from './launch.ts';
import { styled, type Terminal } from './output.ts';

const DEFAULT_URL = 'http://127.0.0.1:8080';

/** Where to look, and what to try next; every line works as printed. */
export function bannerText(app: RunningApp, elapsedMs: number, terminal: Terminal): string {
  const bold = (text: string): string => styled(terminal, 'bold', text);
  const dim = (text: string): string => styled(terminal, 'dim', text);
  const head = `Headrace ${packageVersion()} runs ${bold(app.project.name)}, ready in ${Math.round(elapsedMs)} ms`;
  const { url } = app;
  if (url === undefined) return `${head}\n`;
  const lines = [
    head,
    '',
    `  console    ${bold(url)}`,
    `  API        ${url}/api/v2/openapi.json`,
    `  metrics    ${url}/metrics`,
  ];
  const at = url === DEFAULT_URL ? '' : ` --url ${url}`;
  const pipelines = app.pipelines().map(({ pipeline }) => pipeline);
  const source = pipelines.flatMap(({ sources }) => sources)[0];
  const output = pipelines.flatMap(({ outputs }) => outputs)[0];
  lines.push('', 'Try next, in another terminal:', '');
  if (source !== undefined) {
    lines.push(dim('  # send an event of your own'), `  ${curlLine(url, source)}`);
    const own = ownEventQuery(source);
    if (own !== undefined) lines.push(dim('  # find it'), `  npx headrace sql "${own}"${at}`);
  }
  if (output !== undefined) {
    const windowed = output.input.columns.some(({ name }) => name === 'window_start');
    const order = windowed ? ' ORDER BY window_start DESC' : '';
    lines.push(dim('  # ask'), `  npx headrace sql "SELECT * FROM ${output.name}${order} LIMIT 10"${at}`);
    lines.push(dim('  # follow it live'), `  npx headrace tail ${output.name}${at}`);
  }
  return `${lines.join('\n')}\n\nCtrl-C stops it; the next start goes on where it was.\n`;
}

/** The same for programs. */
export function readyJson(app: RunningApp, elapsedMs: number): string {
  return `${JSON.stringify({ ready: true, url: app.url, project: app.project.name, elapsedMs: Math.round(elapsedMs) })}\n`;
}
