import { type ResourceLimits, Worker } from 'node:worker_threads';
import { offset } from '../../base/brand.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { HeadraceError } from '../../base/error.ts';
import { workerEntry } from '../../base/worker-entry.ts';
import type { Log } from '../../log/log.ts';
import { deserializePipeline } from '../../plan/pipeline-text.ts';
import { HEAP_HEADROOM_MB } from '../limits.ts';
import type { FromTask, TaskStart, ToTask } from './message.ts';
import type { SnapshotStore } from './snapshot-store.ts';
import { failureOf, TaskLoop } from './task-loop.ts';
import { outOfMemory } from './task-memory.ts';
import type { TaskReport } from './task-status.ts';
import { Watchdog } from './watchdog.ts';

/** Where a task runs. */
export interface TaskExecutor {
  post(message: ToTask): void;
  /** Ends it at once, whatever it does. */
  terminate(): Promise<void>;
}

export type ExecutorFactory = (start: TaskStart, receive: (message: FromTask) => void) => TaskExecutor;

/** One worker thread per task. */
export function threadExecutor(log: Log): ExecutorFactory {
  return (start, receive) => {
    const resourceLimits = heapLimits(start.memoryBytesMax);
    const worker = new Worker(workerEntry(import.meta.url, '../worker'), { name: 'headrace-task', resourceLimits });
    let ended = false;
    let report: TaskReport | undefined;
    const watchdog = new Watchdog(systemClock, () => {
      if (ended) return;
      ended = true;
      void worker.terminate();
      receive(failureOf(functionHangs()));
    });
    worker.on('message', (message: FromTask) => {
      if (message.kind === 'status') report = message.status;
      if (!ended) receive(message);
    });
    worker.on('error', (error) => {
      if (!ended) receive(failureOf(isHeapUsedUp(error) ? heapUsedUp(start, report, error) : error));
    });
    const { heartbeat } = watchdog;
    worker.postMessage({ kind: 'start', dataDir: log.dataDir, view: log.view(), start, heartbeat } satisfies ToTask);
    return {
      post: (message) => {
        if (!ended) worker.postMessage(message);
      },
      terminate: async () => {
        ended = true;
        watchdog.stop();
        await worker.terminate();
      },
    };
  };
}

/** What JavaScript may hold of state is as much as the kernel may; V8 ends the thread, and no more, when that is used up. */
function heapLimits(memoryBytesMax: number): ResourceLimits {
  return { maxOldGenerationSizeMb: Math.ceil(memoryBytesMax / 1024 ** 2) + HEAP_HEADROOM_MB };
}

function isHeapUsedUp(error: Error): boolean {
  return 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}

function heapUsedUp(
  { pipeline, memoryBytesMax }: TaskStart,
  report: TaskReport | undefined,
  cause: Error,
): HeadraceError {
  const { name } = deserializePipeline(pipeline);
  const held = report?.operators.map(({ id, stateKeys, stateBytes }) => ({ id, keys: stateKeys, bytes: stateBytes }));
  return outOfMemory(name, memoryBytesMax, held ?? [], undefined, cause);
}

function functionHangs(): HeadraceError {
  return new HeadraceError('running a pipeline: a user function does not return within its timeout', {
    code: 'ENGINE_USER_FUNCTION_TIMEOUT',
    domain: 'engine',
    retryable: true,
    next: 'nothing is lost: the pipeline is recovered, and the row goes to dead letters',
  });
}

/** Runs the task on the calling thread: for tests, which own the clock, and may own the schedule (`soon`). */
export function inlineExecutor(
  log: Pick<Log, 'reader'>,
  clock: Clock,
  snapshots: SnapshotStore,
  soon: (callback: () => void) => void = setImmediate,
): ExecutorFactory {
  return (start, receive) => {
    let ended = false;
    const post = (message: FromTask): void => {
      if (!ended) receive(message);
    };
    const opening = TaskLoop.recover({
      start,
      clock,
      random: () => 0.5,
      open: (topic, partition, from) => log.reader(topic, partition, offset(from)),
      snapshots,
      post,
      soon: (callback) => {
        soon(() => {
          if (!ended) callback();
        });
      },
    });
    opening.then(
      (loop) => {
        post({ kind: 'recovered', epoch: loop.epoch, status: loop.report() });
        loop.wake();
      },
      (error: unknown) => post(failureOf(error)),
    );
    const deliver = (loop: TaskLoop, message: ToTask): void => {
      if (ended) return;
      if (message.kind === 'wake') loop.wake();
      else if (message.kind === 'committed') loop.committed(message.epoch);
      else if (message.kind === 'throttle') loop.throttle(message.full);
      else if (message.kind === 'serve') loop.serve();
      else if (message.kind === 'drain') loop.drain(message);
      else if (message.kind === 'answer') loop.answer(message.operator, message.effects);
      else if (message.kind === 'follow') loop.follow(message.follow);
      else if (message.kind === 'stop') loop.stop(message.snapshot);
    };
    return {
      post: (message) => {
        opening.then(
          (loop) => deliver(loop, message),
          () => {},
        );
      },
      terminate: async () => {
        ended = true;
      },
    };
  };
}
