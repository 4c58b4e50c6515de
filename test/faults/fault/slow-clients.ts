import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { HEADERS_TIMEOUT_MS, TIMEOUT_CHECK_MS } from '../../../src/protocol/http/limit.ts';
import { check, type Fault, until } from '../fault.ts';
import { withTrial } from '../trial.ts';

const IDLE = 600;
const SLOW_HEADS = 200;
const SLOW_BODIES = 100;
const DRIBBLE_MS = 1_000;
const CLOSED_MS_MAX = HEADERS_TIMEOUT_MS + 2 * TIMEOUT_CHECK_MS + 5_000;
/** What so many connections may cost. */
const GROWTH_BYTES_MAX = 200 * 1024 * 1024;

/** Clients that do nothing, and clients that send a byte a second (slow loris). */
export const slowClients: Fault = {
  name: 'slow-clients',
  does: `${IDLE} idle connections, and ${SLOW_HEADS + SLOW_BODIES} that send a byte a second: the others are served, and slow heads are closed`,
  rounds: 1,
  run: ({ rounds, seed }) =>
    withTrial({ seed, pauseMs: 5 }, async (trial) => {
      let closedMs = 0;
      trial.startLoad();
      for (let round = 0; round < rounds; round++) {
        await trial.progress(1_000);
        const residentBefore = residentBytes(trial.pid);
        const { port } = trial.server;
        const head = 'POST /api/v2/ingest/events HTTP/1.1\r\nHost: 127.0.0.1\r\n';
        const idle = new Crowd(port, IDLE, '');
        const heads = new Crowd(port, SLOW_HEADS, head);
        const bodies = new Crowd(port, SLOW_BODIES, `${head}Content-Length: 1000\r\n\r\n{`);
        const began = performance.now();
        const dribble = setInterval(() => {
          heads.send('X');
          bodies.send(' ');
        }, DRIBBLE_MS);
        try {
          await until('slow heads to be closed', CLOSED_MS_MAX, () => (heads.closed === SLOW_HEADS ? true : undefined));
          closedMs = Math.round(performance.now() - began);
          await trial.progress(1_000, 5_000);
        } finally {
          clearInterval(dribble);
          for (const crowd of [idle, heads, bodies]) crowd.end();
        }
        const growth = residentBytes(trial.pid) - residentBefore;
        check(growth < GROWTH_BYTES_MAX, `the process grew by ${growth} bytes for idle and slow connections`);
      }
      return { rounds, closedMs, ...(await trial.finish()) };
    }),
};

class Crowd {
  closed = 0;
  readonly #sockets: readonly Socket[];

  constructor(port: number, size: number, first: string) {
    this.#sockets = Array.from({ length: size }, () => {
      const socket = connect(port, '127.0.0.1', () => socket.write(first));
      socket.on('error', () => {});
      socket.on('close', () => this.closed++);
      socket.resume();
      return socket;
    });
  }

  send(text: string): void {
    for (const socket of this.#sockets) if (!socket.destroyed && socket.writable) socket.write(text);
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}
