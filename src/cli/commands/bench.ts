import { randomUUID } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { ApiClient, SERVER_FLAGS } from '../api-client.ts';
import { CliError } from '../cli-error.ts';
import type { Command, CommandContext } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { Progress } from '../output.ts';
import { bytesText, countText } from '../size-text.ts';

const TOPIC = 'bench';

export const bench: Command = {
  name: 'bench',
  usage: '[flags]',
  wordsMax: 0,
  summary: 'Measure durable ingest of the running process, from this machine',
  description: `Sends events to topic "${TOPIC}" (made if it is not there, deleted after) and waits for each acknowledgement.`,
  flags: {
    seconds: { type: 'integer', value: 'n', help: 'how long', default: 5 },
    batch: { type: 'integer', value: 'events', help: 'events in a request', default: 1000 },
    connections: { type: 'integer', value: 'n', help: 'connections at once', default: 4 },
    ...SERVER_FLAGS,
  },
  examples: [
    { line: 'headrace bench', does: 'five seconds of 1,000-event requests' },
    { line: 'headrace bench --batch 1 --connections 64 --json', does: 'single events, figures for a program' },
  ],
  async run(context) {
    const client = ApiClient.of(context);
    const known = await client.json<{ readonly topics: readonly { readonly name: string }[] }>(
      '/api/v2/topics',
      context.signal,
    );
    if (known.topics.some(({ name }) => name === TOPIC)) {
      throw new CliError(
        EXIT.failed,
        'CLI_BENCH_TOPIC',
        `measuring: topic "${TOPIC}" exists`,
        `delete it with "headrace topics delete ${TOPIC} --yes"`,
      );
    }
    await client.post('/api/v2/topics', { name: TOPIC }, context.signal);
    try {
      const figures = await measure(client, context);
      context.terminal.out(context.json ? `${JSON.stringify(figures)}\n` : figuresText(figures));
    } finally {
      await client.json(`/api/v2/topics/${TOPIC}`, AbortSignal.timeout(10_000), { method: 'DELETE' });
    }
    return EXIT.ok;
  },
};

interface Figures {
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly requests: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

async function measure(client: ApiClient, { flags, signal, terminal }: CommandContext): Promise<Figures> {
  const [seconds, batch, connections] = [Number(flags.seconds), Number(flags.batch), Number(flags.connections)];
  const secure = client.url.startsWith('https:');
  const agent = new (secure ? https : http).Agent({ keepAlive: true, maxSockets: connections });
  const body = Buffer.from(Array.from({ length: batch }, () => eventText()).join('\n'));
  const progress = new Progress(terminal);
  const latencies: number[] = [];
  const started = performance.now();
  const ends = started + seconds * 1000;
  let failed: unknown;
  const connection = async (): Promise<void> => {
    while (performance.now() < ends && !signal.aborted && failed === undefined) {
      const sent = performance.now();
      await send(client, body, agent).catch((error: unknown) => {
        failed = error;
      });
      latencies.push(performance.now() - sent);
      if (latencies.length % 50 === 0) progress.show(`${countText(latencies.length * batch)} events`);
    }
  };
  await Promise.all(Array.from({ length: connections }, connection));
  progress.clear();
  agent.destroy();
  if (failed !== undefined) throw failed;
  const elapsed = (performance.now() - started) / 1000;
  latencies.sort((a, b) => a - b);
  const quantile = (q: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))] ?? 0;
  return {
    events: latencies.length * batch,
    eventsPerSecond: (latencies.length * batch) / elapsed,
    bytesPerSecond: (latencies.length * body.length) / elapsed,
    requests: latencies.length,
    latencyMs: { p50: quantile(0.5), p99: quantile(0.99), max: latencies.at(-1) ?? 0 },
  };
}

function send(client: ApiClient, body: Uint8Array, agent: http.Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/x-ndjson',
      'content-length': body.length,
      ...client.credentials,
    };
    const { request: open } = client.url.startsWith('https:') ? https : http;
    const request = open(`${client.url}/api/v2/ingest/${TOPIC}`, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.on('end', () => {
        if (response.statusCode === 200) resolve();
        else
          reject(
            new CliError(
              EXIT.failed,
              'CLI_BENCH_REFUSED',
              `sending events: status ${response.statusCode}`,
              'send fewer at a time with --batch',
            ),
          );
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

function eventText(): string {
  return JSON.stringify({
    event_id: randomUUID(),
    event_type: 'user_action',
    timestamp: new Date().toISOString(),
    user_id: 'user123',
    data: { action: 'click', page: '/home', session_id: 'session456', amount: 12.34 },
    metadata: { source: 'web', version: '1.0' },
  });
}

function figuresText({ eventsPerSecond, bytesPerSecond, requests, latencyMs }: Figures): string {
  const { p50, p99, max } = latencyMs;
  return `${countText(eventsPerSecond)} events/s, ${bytesText(bytesPerSecond)}/s made durable
${requests} requests; acknowledged in ${p50.toFixed(1)} ms (p50), ${p99.toFixed(1)} ms (p99), ${max.toFixed(1)} ms at most
`;
}
