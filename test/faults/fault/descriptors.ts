import { spawnSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { check, type Fault, until } from '../fault.ts';
import { query } from '../invariant.ts';
import { withTrial } from '../trial.ts';

const FILES_MAX = 256;
const CONNECTIONS = 400;
const HELD_MS = 3_000;

/** More connections than the process may have open files: those that are served go on, and the log keeps the files that it needs. */
export const descriptors: Fault = {
  name: 'descriptors',
  does: `${CONNECTIONS} connections on a process that may have ${FILES_MAX} open files: the log goes on, and so does who is connected`,
  missing: () => (spawnSync('prlimit', ['--version']).status === 0 ? undefined : 'it needs prlimit'),
  rounds: 2,
  run: ({ rounds, seed }) =>
    withTrial({ seed, pauseMs: 2, wrapper: ['prlimit', `--nofile=${FILES_MAX}:${FILES_MAX}`] }, async (trial) => {
      const { pid } = trial;
      trial.startLoad();
      let refused = 0;
      for (let round = 0; round < rounds; round++) {
        await trial.progress(500);
        const crowd = openConnections(trial.server.port);
        try {
          const until_ = performance.now() + HELD_MS;
          await trial.progress(2_000);
          await until('the crowd to have been held', 2 * HELD_MS, () =>
            performance.now() > until_ ? true : undefined,
          );
        } finally {
          refused += crowd.closed();
          crowd.end();
        }
        await until('a new connection to be answered', 5_000, () =>
          query(trial.url, 'SELECT count(*) FROM events_1h').catch(() => undefined),
        );
      }
      check(refused > 0, 'every connection was accepted: the test shows nothing');
      check(trial.pid === pid && trial.server.process.exitCode === null, 'the process ended');
      return { rounds, refusedConnections: refused, ...(await trial.finish()) };
    }),
};

function openConnections(port: number): { closed(): number; end(): void } {
  let closed = 0;
  const sockets: Socket[] = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.on('close', () => closed++);
    sockets.push(socket);
  }
  return {
    closed: () => closed,
    end: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
