/**
 * What keyed state costs: bytes a key, what a snapshot writes (all of it; what has changed), the longest pause for it, and reading it back.
 *
 *   npm run bench:state [-- --keys 1000000,10000000]
 *
 * Count and sum by a string of 12 characters, and deduplication by the text of a UUID. While a snapshot is written, a batch is processed
 * between its parts; a pause is what the batch has to wait for: the beginning, one part, or the end. CPU time of one thread.
 */
import { freemem } from 'node:os';
import { parseArgs } from 'node:util';
import { ByteReader, ByteWriter } from '../src/base/bytes.ts';
import { AggregateOperator } from '../src/engine/operator/aggregate/aggregate.ts';
import { DeduplicateOperator } from '../src/engine/operator/deduplicate.ts';
import type { Operator, StagedSnapshot } from '../src/engine/operator/operator.ts';
import { Kernel } from '../src/kernel/kernel.ts';
import { columnReference } from '../src/plan/expression-factory.ts';
import { aggregateNode, deduplicateNode, sourceNode } from '../src/plan/factory.ts';
import { TYPE } from '../src/plan/type-name.ts';
import { report, rounded } from './load/report.ts';
import { KeyedBatches, keyText, uuidText } from './state/keyed-batches.ts';

const DAY_MS = 86_400_000;
const BATCH_ROWS = 16_384;
/** The part of the keys that changes, or comes, between two snapshots. */
const CHANGED_PART = 0.01;
/** What a key may take in memory while a snapshot is written. */
const BYTES_PER_KEY = 600;

const source = sourceNode({
  name: 'events',
  topic: 'events',
  columns: [
    { name: 'key', type: TYPE.text },
    { name: 'amount', type: TYPE.int8 },
    { name: 'time', type: TYPE.timestamptz },
  ].map((column) => ({ ...column, nullable: false, path: [column.name] })),
  watermark: { columnIndex: 2, delayUs: 0n, idleTimeoutMs: 1, futureLimitMs: 1 },
});

interface Subject {
  readonly name: string;
  readonly aim: number;
  readonly keyOf: (number: number) => string;
  /** Whether what changes is known keys; else new ones come. */
  readonly updates: boolean;
  readonly make: () => Operator;
}

const plain = { distinct: false, filter: undefined };
const count = { ...plain, function: 'count' as const, argument: undefined, type: TYPE.int8 };
const amount = columnReference(source.columns, 1);
const sum = { ...plain, function: 'sum' as const, argument: amount, type: { kind: 'numeric' as const } };
const totals = aggregateNode(
  source,
  [{ name: 'key', expression: columnReference(source.columns, 0) }],
  [
    { name: 'n', call: count },
    { name: 'total', call: sum },
  ],
);
const expressions = {
  clockMs: () => 0,
  userFunction: (): never => {
    throw new Error('there are none');
  },
};

const SUBJECTS: readonly Subject[] = [
  {
    name: 'count and sum by a string',
    aim: 32,
    keyOf: keyText,
    updates: true,
    make: () =>
      new AggregateOperator({ node: totals, emit: 'updates', appendOnly: true, retracts: false, expressions }),
  },
  {
    name: 'deduplication by UUID',
    aim: 24,
    keyOf: uuidText,
    updates: false,
    make: () => new DeduplicateOperator(deduplicateNode(source, [0], DAY_MS), true),
  },
];

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** The longest CPU time of one call. */
class Pauses {
  longestMs = 0;
  totalMs = 0;

  of<Result>(work: () => Result): Result {
    const started = cpuMs();
    const result = work();
    const took = cpuMs() - started;
    this.totalMs += took;
    if (took > this.longestMs) this.longestMs = took;
    return result;
  }
}

class Running {
  readonly kernel = Kernel.create();
  readonly operator: Operator;
  readonly #subject: Subject;
  readonly #batches: KeyedBatches;

  constructor(subject: Subject) {
    this.#subject = subject;
    this.operator = subject.make();
    this.#batches = new KeyedBatches(this.kernel, BATCH_ROWS, subject.keyOf);
    this.operator.open({
      kernel: this.kernel,
      clockMs: () => 0,
      emit: () => {},
      deadLetter: ({ message }) => {
        throw new Error(message);
      },
    });
  }

  /** Keys by number: `from` and on, or, of `spread` keys, at random. */
  epoch(from: number, rows: number, spread?: number): void {
    for (let done = 0; done < rows; done += BATCH_ROWS) {
      this.kernel.arenaReset();
      this.operator.processBatch(this.#batches.next(from + done, Math.min(BATCH_ROWS, rows - done), spread), 0);
      this.kernel.arenaReset();
      this.operator.endEpoch();
    }
  }

  /** What has changed since the last snapshot: a hundredth of the keys. */
  change(keys: number): void {
    const rows = Math.floor(keys * CHANGED_PART);
    if (this.#subject.updates) this.epoch(0, rows, keys);
    else this.epoch(keys, rows);
  }

  /** `keys`: of so many, some change between its parts. */
  snapshot(delta: boolean, keys?: number): { readonly parts: Uint8Array[]; readonly pauses: Pauses } {
    const pauses = new Pauses();
    const parts: Uint8Array[] = [];
    const staged = pauses.of(() => this.operator.stageSnapshot!(delta)) as StagedSnapshot;
    const writer = new ByteWriter(new Uint8Array(2 ** 20));
    for (let more = true; more; ) {
      writer.clear();
      more = pauses.of(() => staged.next(writer));
      if (more) parts.push(writer.written().slice());
      if (keys !== undefined) this.epoch(0, BATCH_ROWS, keys);
    }
    pauses.of(() => staged.end());
    return { parts, pauses };
  }
}

const sizeOf = (parts: readonly Uint8Array[]): number => parts.reduce((total, part) => total + part.length, 0);

function restoreMs(subject: Subject, parts: readonly Uint8Array[]): number {
  const running = new Running(subject);
  const started = cpuMs();
  for (const part of parts) running.operator.restore(new ByteReader(part));
  running.operator.state();
  const took = cpuMs() - started;
  running.operator.close();
  return took;
}

function measure(subject: Subject, keys: number): void {
  const running = new Running(subject);
  running.epoch(0, keys);
  const { bytes, keys: held } = running.operator.state();
  report({
    bench: `state: ${subject.name}, bytes a key`,
    value: rounded(bytes / held, 1),
    unit: 'bytes',
    against: `the aim of ${subject.aim}`,
    ratio: rounded(bytes / held / subject.aim),
    detail: { keys: held, bytes },
  });
  const busy = running.snapshot(false, keys);
  const all = running.snapshot(false);
  running.change(keys);
  const changes = running.snapshot(true, keys);
  const longestMs = Math.max(busy.pauses.longestMs, changes.pauses.longestMs);
  running.operator.close();
  report({
    bench: `state: ${subject.name}, longest pause for a snapshot`,
    value: rounded(longestMs, 1),
    unit: 'ms',
    against: 'the limit of 20 ms',
    ratio: rounded(longestMs / 20),
    detail: {
      keys: held,
      wholeMs: rounded(busy.pauses.longestMs, 1),
      changesMs: rounded(changes.pauses.longestMs, 1),
      totalMs: Math.round(busy.pauses.totalMs),
    },
  });
  const [whole, changed] = [sizeOf(all.parts), sizeOf(changes.parts)];
  report({
    bench: `state: ${subject.name}, bytes of a snapshot after 1 % has changed`,
    value: changed,
    unit: 'bytes',
    against: 'a snapshot of everything',
    ratio: rounded(changed / whole, 4),
    detail: { keys: held, wholeBytes: whole, totalMs: rounded(changes.pauses.totalMs, 1) },
  });
  report({
    bench: `state: ${subject.name}, reading a snapshot back`,
    value: Math.round(restoreMs(subject, [...all.parts, ...changes.parts])),
    unit: 'ms',
    against: null,
    ratio: null,
    detail: { keys: held, bytes: whole + changed },
  });
}

const { values: flags } = parseArgs({ options: { keys: { type: 'string', default: '1000000,10000000' } } });
for (const subject of SUBJECTS) {
  for (const keys of flags.keys.split(',').map(Number)) {
    if (keys * BYTES_PER_KEY <= freemem()) measure(subject, keys);
    else
      console.error(`${subject.name}: ${keys} keys do not fit into ${Math.round(freemem() / 2 ** 20)} MiB of memory`);
  }
}
