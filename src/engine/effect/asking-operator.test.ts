import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { Kernel } from '../../kernel/kernel.ts';
import { userCallNode } from '../../plan/analytic-factory.ts';
import { callOptions } from '../../plan/call-options.ts';
import { columnReference } from '../../plan/expression-factory.ts';
import { sourceNode } from '../../plan/factory.ts';
import { TYPE } from '../../plan/type-name.ts';
import { batchOfRows, type TestRow } from '../operator/row-batch.test-fixture.ts';
import { RowReader } from '../operator/row-batch.ts';
import type { Ask, Effect } from './effect.ts';
import { UserCallOperator } from './user-call.ts';

const source = sourceNode({
  name: 's',
  topic: 's',
  columns: [{ name: 'k', type: TYPE.int4, nullable: true, path: ['k'] }],
  watermark: undefined,
});

interface Emitted {
  readonly key: number;
  readonly answer: string;
  readonly weight: number;
}

/** One asynchronous call over rows that come and go, with everything around it in the hands of the test. */
class Subject {
  readonly emitted: Emitted[] = [];
  readonly #kernel = Kernel.create({ memoryBytesMax: 2 ** 26 });
  readonly #volatile: boolean;
  #operator: UserCallOperator;
  #asks: Ask[] = [];

  constructor(isVolatile: boolean) {
    this.#volatile = isVolatile;
    this.#operator = this.#made();
  }

  #made(): UserCallOperator {
    const args = [columnReference(source.columns, 0)];
    const options = callOptions({ asynchronous: true, volatile: this.#volatile });
    const call = { name: 'f', module: 'm', exportName: 'f', args, type: TYPE.text, when: undefined, options };
    const node = userCallNode({ input: source, calls: [call] }, ['answer']);
    const expressions = { clockMs: () => 0, userFunction: () => () => null };
    const operator = new UserCallOperator(node, { sources: [source], appendOnly: false }, expressions);
    const reader = new RowReader(this.#kernel, node.columns);
    operator.open({
      kernel: this.#kernel,
      emit: (batch) =>
        reader.forEach(batch, ({ values: [key, answer], weight }) => {
          this.emitted.push({ key: key as number, answer: answer as string, weight });
        }),
      deadLetter: ({ message }) => {
        throw new Error(message);
      },
      clockMs: () => 0,
    });
    return operator;
  }

  epoch(rows: readonly TestRow[], effects: readonly Effect[]): void {
    this.#kernel.arenaReset();
    this.#operator.asking.begin(effects, false);
    if (rows.length > 0) this.#operator.processBatch(batchOfRows(this.#kernel, source.columns, rows));
    this.#operator.endEpoch();
    this.#operator.asking.taken();
    this.#asks.push(...this.#operator.asking.asks());
  }

  /** Answers that are there for the asks that `choose` picks. */
  answers(choose: () => boolean, answer: (ask: Ask) => string): Effect[] {
    const chosen = this.#asks.filter(choose);
    this.#asks = this.#asks.filter((ask) => !chosen.includes(ask));
    return chosen.map((ask) => [ask.slot, ask.call, [answer(ask)]]);
  }

  restart(): void {
    const writer = new ByteWriter();
    this.#operator.snapshot(writer);
    this.#operator = this.#made();
    this.#operator.restore(new ByteReader(writer.written().slice()));
    this.#asks = [...this.#operator.asking.asks()];
  }

  get waiting(): number {
    return this.#operator.asking.waiting;
  }
}

const step = fc.record({
  keys: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 6 }),
  goes: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
  picks: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
  restart: fc.boolean(),
});

type Step = typeof step extends fc.Arbitrary<infer Made> ? Made : never;

/** Plays the steps, then answers all; gives the rows that went in, in order. */
function play(subject: Subject, steps: readonly Step[], answer: (ask: Ask) => string): TestRow[] {
  const all: TestRow[] = [];
  const standing = new Map<number, number>();
  for (const { keys, goes, picks, restart } of steps) {
    const rows = keys.map((key, i): TestRow => {
      const count = standing.get(key) ?? 0;
      const weight = goes[i] === true && count > 0 ? -1 : 1;
      standing.set(key, count + weight);
      return { values: [key], weight };
    });
    let pick = 0;
    subject.epoch(
      rows,
      subject.answers(() => picks[pick++ % picks.length]!, answer),
    );
    all.push(...rows);
    if (restart) subject.restart();
  }
  while (subject.waiting > 0)
    subject.epoch(
      [],
      subject.answers(() => true, answer),
    );
  return all;
}

describe('rows that wait for answers', () => {
  it('go on in their order, each with the answer for its values, whenever answers come and the process starts anew', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        const subject = new Subject(false);
        const rows = play(subject, steps, ({ args }) => `answer ${args[0]}`);
        expect(subject.emitted).toEqual(
          rows.map(({ values: [key], weight }) => ({ key, answer: `answer ${key}`, weight })),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('take back what they had, also when each call gives something else', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        const subject = new Subject(true);
        let calls = 0;
        const rows = play(subject, steps, () => `${++calls}`);
        expect(subject.emitted.map(({ key, weight }) => ({ values: [key], weight }))).toEqual(rows);
        const net = new Map<string, number>();
        for (const { key, answer, weight } of subject.emitted) {
          const text = `${key} ${answer}`;
          const count = (net.get(text) ?? 0) + weight;
          expect(count === 0 || count === 1).toBe(true);
          net.set(text, count);
        }
      }),
      { numRuns: 60 },
    );
  });
});
