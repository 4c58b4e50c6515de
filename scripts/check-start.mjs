// `npm start` as a newcomer does it: its printed commands are run as printed, within the time of the first visit.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dataDir = mkdtempSync(join(tmpdir(), 'headrace-start-'));
const READY_MS_MAX = 30_000;
const FIRST_NUMBERS_MS_MAX = 5_000;
const ALERT_MS_MAX = 120_000;
const problems = [];

/** The default port, or a free one where something else of this machine has it. */
async function freePort() {
  for (const wanted of [8080, 0]) {
    const server = createServer().listen(wanted, '127.0.0.1');
    const bound = await once(server, 'listening').catch(() => undefined);
    if (bound === undefined) continue;
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error('no free port');
}

const port = await freePort();
if (port !== 8080) console.log(`port 8080 is taken: on ${port}`);
const child = spawn('npm', ['start'], {
  cwd: root,
  env: { ...process.env, HEADRACE_DATA_DIR: dataDir, ...(port !== 8080 && { HEADRACE_HTTP_PORT: String(port) }) },
  stdio: ['ignore', 'pipe', 'pipe'],
  detached: true,
});
let output = '';
child.stdout.on('data', (chunk) => (output += chunk));
child.stderr.on('data', (chunk) => (output += chunk));
const exited = new Promise((resolve) => child.once('exit', resolve));
const ended = () => child.exitCode !== null || child.signalCode !== null;

async function until(what, limitMs, ask) {
  const from = performance.now();
  while (performance.now() - from < limitMs && !ended()) {
    const answer = await ask().catch(() => undefined);
    if (answer) {
      console.log(`${what}: after ${Math.round(performance.now() - from)} ms`);
      return answer;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  problems.push(ended() ? `${what}: npm start had exited` : `${what}: not within ${limitMs} ms`);
  return undefined;
}

async function ask(path, init) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  return response.ok ? response.json() : undefined;
}

const query = (sql) =>
  ask('/api/v2/query', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  });

/** Commands that the start prints: indented lines that begin with curl or npx. */
function printedCommands() {
  return output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('curl ') || line.startsWith('npx '));
}

function runPrinted(command) {
  const result = spawnSync('bash', ['-c', `timeout 10 ${command}`], { cwd: root, encoding: 'utf8' });
  const live = result.status === 124 && result.stdout.length > 0;
  console.log(`$ ${command}\n${result.stdout.split('\n').slice(0, 6).join('\n')}`);
  if (result.status !== 0 && !live)
    problems.push(`"${command}" exited with ${result.status}: ${result.stdout}${result.stderr}`);
}

await until('ready', READY_MS_MAX, async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok);
await until('first numbers', FIRST_NUMBERS_MS_MAX, async () => {
  const answer = await query('SELECT sum(requests) AS requests FROM requests_1m');
  return Number(answer?.rows?.[0]?.[0] ?? 0) > 0;
});
const commands = printedCommands();
if (commands.length < 3)
  problems.push(`npm start printed ${commands.length} commands to try, expected at least 3:\n${output}`);
for (const command of commands) runPrinted(command);
await until('an alert fires', ALERT_MS_MAX, async () => {
  const answer = await ask('/api/v2/alerts');
  return answer?.alerts?.some((alert) => alert.state === 'firing' || alert.firingSince !== undefined);
});
if (!ended()) process.kill(-child.pid, 'SIGINT');
const stopped = await Promise.race([exited, new Promise((resolve) => setTimeout(() => resolve('late'), 15_000))]);
if (stopped === 'late') {
  problems.push('Ctrl-C did not stop the process within 15 s');
  process.kill(-child.pid, 'SIGKILL');
}
rmSync(dataDir, { recursive: true, force: true });
if (problems.length > 0) {
  console.error(`npm start:\n- ${problems.join('\n- ')}\nits output was:\n${output}`);
  process.exit(1);
}
console.log('npm start does what it prints');
