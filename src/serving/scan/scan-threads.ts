import { Worker } from 'node:worker_threads';
import { offset } from '../../base/brand.ts';
import type { Clock } from '../../base/clock.ts';
import { HeadraceError } from '../../base/error.ts';
import { workerEntry } from '../../base/worker-entry.ts';
import type { Log } from '../../log/log.ts';
import { sortNode } from '../../plan/factory.ts';
import type { PlanNode } from '../../plan/node.ts';
import { serializePlan } from '../../plan/pipeline-text.ts';
import { SCAN_RANGE_RECORDS, SCAN_THREADS, SCAN_THREADS_IDLE_MS } from '../limits.ts';
import { CONTROL, CONTROL_BYTES, type ScanJob, type ScanMessage, type ScanReport } from './message.ts';
import type { RowsBlock } from './row-collector.ts';
import type { RowScanRequest, ScanLimits, ScanOutcome, ScanRequest, ScanRunner } from './scan.ts';
import { outOfMemory } from './scan-error.ts';
import { runScanJob } from './scan-job.ts';
import { cutRanges } from './scan-range.ts';

/** Scans in threads of their own, which start with the first scan and end when there is none for a while. */
export function threadScans(log: Log, clock: Clock): ScanRunner {
  return new ScanThreads(log, clock);
}

/** Scans on the calling thread: for logs that only it can read. */
export function inlineScans(log: Log): ScanRunner {
  const run = (job: ScanJob, emit: (block: RowsBlock) => void) => {
    const open = (partition: number, from: number) => log.reader(job.topic, partition, offset(from));
    const report = runScanJob(job, { open, emit });
    if (report.kind === 'failed') throw failureOf(report);
    return report;
  };
  return {
    run: async (request) => run(jobOf(0, request, log), () => {}),
    async *rows(request, _limits, newest) {
      const blocks: RowsBlock[] = [];
      newest(run(jobOf(0, request, log), (block) => blocks.push(block)).newestMs);
      yield* blocks;
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
    const job = jobOf(this.#nextJob++, request, this.#log);
    const watch = new StopWatch(new Int32Array(job.control), limits);
    try {
      return await this.#all(job, watch, () => {});
    } finally {
      this.#end(watch);
    }
  }

  async *rows(
    request: RowScanRequest,
    limits: ScanLimits,
    newest: (newestMs: number) => void,
  ): AsyncIterable<RowsBlock> {
    const job = jobOf(this.#nextJob++, request, this.#log);
    const control = new Int32Array(job.control);
    const watch = new StopWatch(control, limits);
    const blocks: RowsBlock[] = [];
    let wake = (): void => {};
    let ended = false;
    let rows = 0;
    // Each thread has its own best rows: all of them are needed.
    const enough = request.order === undefined ? (request.limit ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
    const whole = this.#all(job, watch, (block) => {
      blocks.push(block);
      wake();
    }).finally(() => {
      ended = true;
      wake();
    });
    whole.catch(() => {});
    try {
      while (!ended || blocks.length > 0) {
        const block = blocks.shift();
        if (block === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        if (rows < enough) yield block;
        rows += block.rows;
        if (rows >= enough) watch.enough();
        Atomics.add(control, CONTROL.blocksTaken, 1);
        Atomics.notify(control, CONTROL.blocksTaken);
      }
      newest((await whole).newestMs);
    } finally {
      this.#end(watch);
    }
  }

  /** The threads share the ranges of the job. */
  async #all(job: ScanJob, watch: StopWatch, take: (block: RowsBlock) => void): Promise<ScanOutcome> {
    this.#cancelIdle();
    const threads = this.#start(Math.min(SCAN_THREADS, Math.max(1, job.ranges.length)));
    const reports = await Promise.all(threads.map((thread) => this.#ask(thread, job, take)));
    watch.assertNotStopped();
    const done = reports.map((report) => {
      if (report.kind === 'failed') throw failureOf(report);
      return report;
    });
    return {
      partials: done.flatMap((report) => report.partials),
      newestMs: Math.max(...done.map((report) => report.newestMs)),
    };
  }

  #end(watch: StopWatch): void {
    watch.end();
    this.#cancelIdle = this.#clock.after(SCAN_THREADS_IDLE_MS, () => this.close());
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

  #ask(thread: Worker, job: ScanJob, take: (block: RowsBlock) => void): Promise<ScanReport> {
    return new Promise((resolve, reject) => {
      const forget = (): void => {
        thread.unref();
        thread.off('message', answered);
        thread.off('error', failed);
        thread.off('exit', ended);
      };
      const answered = (message: ScanMessage): void => {
        if (message.id !== job.id) return;
        if (message.kind === 'rows') {
          take(message.block);
          return;
        }
        forget();
        resolve(message);
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
      thread.ref();
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

  /** Nothing more is needed. */
  enough(): void {
    this.#signal();
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
    this.#signal();
  }

  #signal(): void {
    Atomics.store(this.#control, CONTROL.stop, 1);
    // A thread may be waiting for its blocks to be taken.
    Atomics.notify(this.#control, CONTROL.blocksTaken);
  }
}

function jobOf(id: number, request: ScanRequest | RowScanRequest, log: Log): ScanJob {
  const { topic, fields, from, until, nowMs } = request;
  const { node, wanted, best } = 'top' in request ? rowsPlan(request) : aggregatePlan(request);
  return {
    id,
    view: log.view(),
    topic,
    fields,
    plan: serializePlan(node),
    wanted,
    best,
    nowMs,
    ranges: cutRanges(from, until, SCAN_RANGE_RECORDS),
    control: new SharedArrayBuffer(CONTROL_BYTES),
  };
}

type JobPlan = { readonly node: PlanNode } & Pick<ScanJob, 'wanted' | 'best'>;

function aggregatePlan({ aggregate }: ScanRequest): JobPlan {
  return { node: aggregate, wanted: undefined, best: undefined };
}

function rowsPlan({ top, wanted, limit, order }: RowScanRequest): JobPlan {
  return order === undefined
    ? { node: top, wanted, best: undefined }
    : { node: sortNode(top, order), wanted, best: limit };
}

function failureOf(report: Extract<ScanReport, { kind: 'failed' }>): HeadraceError {
  const { code, domain, message, retryable } = report;
  if (code === 'KERNEL_OUT_OF_MEMORY') return outOfMemory();
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
