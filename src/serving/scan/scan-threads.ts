import { Worker } from 'node:worker_threads';
import { offset } from '../../base/brand.ts';
import type { Clock } from '../../base/clock.ts';
import { HeadraceError } from '../../base/error.ts';
import { workerEntry } from '../../base/worker-entry.ts';
import type { Log } from '../../log/log.ts';
import { serializePlan } from '../../plan/pipeline-text.ts';
import { SCAN_RANGE_RECORDS, SCAN_THREADS, SCAN_THREADS_IDLE_MS } from '../limits.ts';
import { CONTROL, CONTROL_BYTES, type ScanJob, type ScanReport } from './message.ts';
import type { ScanLimits, ScanOutcome, ScanRequest, ScanRunner } from './scan.ts';
import { runScanJob } from './scan-job.ts';
import { cutRanges } from './scan-range.ts';

/** Scans in threads of their own, which start with the first scan and end when there is none for a while. */
export function threadScans(log: Log, clock: Clock): ScanRunner {
  return new ScanThreads(log, clock);
}

/** Scans on the calling thread: for logs that only it can read. */
export function inlineScans(log: Log): ScanRunner {
  return {
    async run(request) {
      const job = jobOf(0, request, log);
      const report = runScanJob(job, (partition, from) => log.reader(request.topic, partition, offset(from)));
      if (report.kind === 'failed') throw failureOf(report);
      return report;
    },
    close() {},
  };
}

class ScanThreads implements ScanRunner {
  readonly #log: Log;
  readonly #clock: Clock;
  #threads: Worker[] = [];
  #nextJob = 1;
  #cancelIdle: () => void = () => {};

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  async run(request: ScanRequest, limits: ScanLimits): Promise<ScanOutcome> {
    this.#cancelIdle();
    const job = jobOf(this.#nextJob++, request, this.#log);
    const threads = this.#start(Math.min(SCAN_THREADS, Math.max(1, job.ranges.length)));
    const watch = new StopWatch(new Int32Array(job.control), limits);
    try {
      const reports = await Promise.all(threads.map((thread) => this.#ask(thread, job)));
      watch.assertNotStopped();
      const done = reports.map((report) => {
        if (report.kind === 'failed') throw failureOf(report);
        return report;
      });
      return {
        partials: done.flatMap((report) => report.partials),
        newestMs: Math.max(...done.map((report) => report.newestMs)),
      };
    } finally {
      watch.end();
      this.#cancelIdle = this.#clock.after(SCAN_THREADS_IDLE_MS, () => this.close());
    }
  }

  close(): void {
    this.#cancelIdle();
    for (const thread of this.#threads) void thread.terminate();
    this.#threads = [];
  }

  #start(count: number): readonly Worker[] {
    while (this.#threads.length < count) {
      const thread = new Worker(workerEntry(import.meta.url, './worker'), { name: 'headrace-scan' });
      thread.unref();
      this.#threads.push(thread);
    }
    return this.#threads.slice(0, count);
  }

  #ask(thread: Worker, job: ScanJob): Promise<ScanReport> {
    return new Promise((resolve, reject) => {
      const forget = (): void => {
        thread.off('message', answered);
        thread.off('error', failed);
        thread.off('exit', ended);
      };
      const answered = (report: ScanReport): void => {
        if (report.id !== job.id) return;
        forget();
        resolve(report);
      };
      const failed = (error: unknown): void => {
        forget();
        this.#threads = this.#threads.filter((other) => other !== thread);
        reject(threadFailed(error));
      };
      const ended = (): void => failed(new Error('the thread ended'));
      thread.on('message', answered);
      thread.on('error', failed);
      thread.on('exit', ended);
      thread.postMessage(job);
    });
  }
}

type StopReason = 'SERVING_QUERY_TIMEOUT' | 'SERVING_QUERY_CANCELLED';

/** Tells the threads of a scan to stop when its time is over or nobody waits for it. */
class StopWatch {
  readonly #control: Int32Array;
  readonly #limits: ScanLimits;
  readonly #cancelTimer: () => void;
  #stopped: StopReason | undefined;

  constructor(control: Int32Array, limits: ScanLimits) {
    this.#control = control;
    this.#limits = limits;
    const leftMs = Math.max(1, limits.deadline - limits.clock.monotonicMs());
    this.#cancelTimer = limits.clock.after(leftMs, () => this.#stop('SERVING_QUERY_TIMEOUT'));
    if (limits.signal?.aborted) this.#abort();
    limits.signal?.addEventListener('abort', this.#abort, { once: true });
  }

  assertNotStopped(): void {
    if (this.#stopped === undefined) return;
    throw new HeadraceError('running the query: reading what it asks for took longer than it may', {
      code: this.#stopped,
      domain: 'serving',
      next: 'ask for less, make it a materialized view, or allow it more time',
    });
  }

  end(): void {
    this.#stop('SERVING_QUERY_CANCELLED');
    this.#cancelTimer();
    this.#limits.signal?.removeEventListener('abort', this.#abort);
  }

  readonly #abort = (): void => this.#stop('SERVING_QUERY_CANCELLED');

  #stop(why: StopReason): void {
    this.#stopped ??= why;
    Atomics.store(this.#control, CONTROL.stop, 1);
  }
}

function jobOf(id: number, request: ScanRequest, log: Log): ScanJob {
  const { topic, fields, aggregate, from, until, nowMs } = request;
  return {
    id,
    view: log.view(),
    topic,
    fields,
    plan: serializePlan(aggregate),
    nowMs,
    ranges: cutRanges(from, until, SCAN_RANGE_RECORDS),
    control: new SharedArrayBuffer(CONTROL_BYTES),
  };
}

function failureOf(report: Extract<ScanReport, { kind: 'failed' }>): HeadraceError {
  const { code, domain, message, retryable } = report;
  if (domain !== 'plan') return new HeadraceError(message, { code, domain, retryable });
  return new HeadraceError(`running the query: ${message}`, {
    code: 'SERVING_QUERY_FAILED',
    domain: 'serving',
    next: 'correct the expression, or leave out the rows that it cannot be computed for',
  });
}

function threadFailed(error: unknown): HeadraceError {
  return new HeadraceError('running the query: a thread that reads the topic failed', {
    code: 'SERVING_QUERY_FAILED',
    domain: 'serving',
    cause: error,
    next: 'ask again, and look at the log of the process for what happened before',
  });
}
