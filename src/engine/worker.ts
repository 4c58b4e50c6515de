import { parentPort } from 'node:worker_threads';
import { offset } from '../base/brand.ts';
import { systemClock } from '../base/clock.ts';
import { openPartitionReader } from '../log/partition-reader.ts';
import type { FromTask, ToTask } from './task/message.ts';
import { fileSnapshots } from './task/snapshot-store.ts';
import { failureOf, TaskLoop } from './task/task-loop.ts';

/** Thread of one pipeline: a {@link TaskLoop} fed by messages. */
const port = parentPort;
let loop: TaskLoop | undefined;
const waiting: ToTask[] = [];

function post(message: FromTask): void {
  const buffers = message.kind === 'epoch' ? message.appends.map((append) => append.batch.buffer as ArrayBuffer) : [];
  port?.postMessage(message, [...new Set(buffers)]);
}

async function start(message: Extract<ToTask, { kind: 'start' }>): Promise<void> {
  try {
    loop = await TaskLoop.recover({
      start: message.start,
      clock: systemClock,
      random: Math.random,
      heartbeat: message.heartbeat,
      open: (topic, partition, from) => openPartitionReader(message.view, topic, partition, offset(from)),
      snapshots: fileSnapshots(message.dataDir),
      post,
      soon: setImmediate,
    });
    post({ kind: 'recovered', epoch: loop.epoch, status: loop.report() });
    for (const earlier of waiting) deliver(loop, earlier);
    waiting.length = 0;
    loop.wake();
  } catch (error) {
    post(failureOf(error));
  }
}

function deliver(target: TaskLoop, message: ToTask): void {
  if (message.kind === 'wake') target.wake();
  else if (message.kind === 'committed') target.committed(message.epoch);
  else if (message.kind === 'throttle') target.throttle(message.full);
  else if (message.kind === 'serve') target.serve();
  else if (message.kind === 'drain') target.drain(message);
  else if (message.kind === 'answer') target.answer(message.operator, message.effects);
  else if (message.kind === 'follow') target.follow(message.follow);
  else if (message.kind === 'stop') target.stop(message.snapshot);
}

port?.on('message', (message: ToTask) => {
  if (message.kind === 'start') void start(message);
  else if (loop === undefined) waiting.push(message);
  else deliver(loop, message);
});
