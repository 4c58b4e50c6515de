import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { Kernel } from '../../../kernel/kernel.ts';
import type { Column, DataType } from '../../../plan/data-type.ts';
import { evaluate } from '../../../plan/evaluate.ts';
import type { Expression } from '../../../plan/expression.ts';
import { call, castTo, columnReference, literal } from '../../../plan/expression-factory.ts';
import { joinNode, sourceNode } from '../../../plan/factory.ts';
import type { JoinKind, JoinNode, PlanNode } from '../../../plan/node.ts';
import { numericType, TYPE } from '../../../plan/type-name.ts';
import { Decimal } from '../../../plan/value/decimal.ts';
import { valueToText } from '../../../plan/value/value-text.ts';
import { batchOfRows, type Observed, observe, type TestRow } from '../row-batch.test-fixture.ts';
import { JoinOperator } from './join.ts';

type Row = readonly unknown[];

const KINDS: readonly JoinKind[] = ['inner', 'left', 'right', 'full', 'semi', 'anti'];
const expressions = {
  clockMs: () => 0,
  userFunction: () => () => null,
};

function table(name: string, types: Readonly<Record<string, DataType>>): PlanNode {
  const columns = Object.entries(types).map(([column, type]) => ({
    name: column,
    type,
    nullable: true,
    path: [column],
  }));
  return sourceNode({ name, topic: name, columns, watermark: undefined });
}

const LEFT = table('l', { k: TYPE.int8, s: TYPE.text, n: TYPE.int4, d: numericType(10, 2), j: TYPE.jsonb });
const RIGHT = table('r', { k: TYPE.int8, n: TYPE.int4, s: TYPE.text, d: numericType(12, 4), j: TYPE.jsonb });
const COLUMNS: readonly Column[] = [...LEFT.columns, ...RIGHT.columns];
const left = (index: number): Expression => columnReference(COLUMNS, index);
const right = (index: number): Expression => columnReference(COLUMNS, LEFT.columns.length + index);
const eq = (a: Expression, b: Expression): Expression => call('eq', [a, b]);

const CONDITIONS: Readonly<Record<string, Expression | undefined>> = {
  'one key': eq(left(0), right(0)),
  'keys of any types': call('and', [eq(left(1), right(2)), eq(left(2), right(1))]),
  'a key and a rest': call('and', [eq(left(0), right(0)), call('lt', [left(2), right(1)])]),
  'nulls that meet': call('is_not_distinct_from', [left(1), right(2)]),
  'a key and nulls that meet': call('and', [eq(right(0), left(0)), call('is_not_distinct_from', [left(2), right(1)])]),
  'a key that is computed': eq(call('add', [left(2), literal(1, TYPE.int4)]), right(1)),
  'numerics of different scales': eq(castTo(left(3), TYPE.numeric), castTo(right(3), TYPE.numeric)),
  'numerics as they lie': eq(left(3), right(3)),
  documents: eq(left(4), right(4)),
  'no equality': call('lt', [left(2), right(1)]),
  'nothing at all': undefined,
};

const key = fc.option(fc.bigInt({ min: 0n, max: 3n }));
const text = fc.option(fc.constantFrom('', 'a', 'abcd', 'a text of more than twelve bytes'));
const number = fc.option(fc.integer({ min: 0, max: 3 }));
const decimal = (zeros: string) =>
  fc.option(fc.constantFrom('1.50', '2.00', '-3.25').map((digits) => Decimal.parse(`${digits}${zeros}`)));
const document = fc.option(fc.constantFrom<unknown>({ a: 1, b: [2] }, { b: [2], a: 1 }, 'x', 1));
const leftRow = fc.tuple(key, text, number, decimal(''), document);
const rightRow = fc.tuple(key, number, text, decimal('00'), document);

/** What happens in one batch: rows that come, and rows that stand (by number) that go. */
interface Step {
  readonly input: 0 | 1;
  readonly rows: readonly Row[];
  readonly goes: readonly number[];
  readonly restores: boolean;
}

const step: fc.Arbitrary<Step> = fc.oneof(
  ...[leftRow, rightRow].map((row, input) =>
    fc.record({
      input: fc.constant(input as 0 | 1),
      rows: fc.array(row as fc.Arbitrary<Row>, { maxLength: 8 }),
      goes: fc.array(fc.nat(), { maxLength: 5 }),
      restores: fc.boolean(),
    }),
  ),
);

const textOfRow = (row: Row, columns: readonly Column[]): string =>
  row.map((value, i) => (value === null ? 'null' : valueToText(value, columns[i]!.type))).join('|');

function counted(rows: readonly Row[], columns: readonly Column[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(textOfRow(row, columns), (counts.get(textOfRow(row, columns)) ?? 0) + 1);
  return counts;
}

/** The join of two tables, by its definition. */
function joined({ join, condition }: JoinNode, lefts: readonly Row[], rights: readonly Row[]): Row[] {
  const meets = (l: Row, r: Row): boolean => condition === undefined || evaluate(condition, [...l, ...r]) === true;
  const none = (columns: readonly Column[]): null[] => columns.map(() => null);
  const pairs = lefts.flatMap((l) => rights.filter((r) => meets(l, r)).map((r) => [...l, ...r]));
  const loneLeft = lefts.filter((l) => !rights.some((r) => meets(l, r)));
  const loneRight = rights.filter((r) => !lefts.some((l) => meets(l, r)));
  if (join === 'semi') return lefts.filter((l) => rights.some((r) => meets(l, r)));
  if (join === 'anti') return loneLeft;
  return [
    ...pairs,
    ...(join === 'left' || join === 'full' ? loneLeft.map((l) => [...l, ...none(RIGHT.columns)]) : []),
    ...(join === 'right' || join === 'full' ? loneRight.map((r) => [...none(LEFT.columns), ...r]) : []),
  ];
}

/** An operator whose output is summed up, and which can be put away and read back. */
class Running {
  readonly kernel = Kernel.create();
  readonly node: JoinNode;
  readonly standing = new Map<string, number>();
  #operator: JoinOperator;
  #observed: Observed;

  constructor(node: JoinNode) {
    this.node = node;
    this.#operator = this.#make();
    this.#observed = observe(this.kernel, this.#operator, node.columns);
  }

  #make(): JoinOperator {
    return new JoinOperator({ node: this.node, emit: 'updates', read: undefined, expressions });
  }

  process(input: 0 | 1, rows: readonly TestRow[]): void {
    this.kernel.arenaReset();
    const { columns } = input === 0 ? this.node.left : this.node.right;
    this.#operator.processBatch(batchOfRows(this.kernel, columns, rows, true), input);
    for (const { values, weight } of this.#observed.rows.splice(0)) {
      const shown = textOfRow(values, this.node.columns);
      const count = (this.standing.get(shown) ?? 0) + weight;
      if (count === 0) this.standing.delete(shown);
      else this.standing.set(shown, count);
    }
  }

  restore(): void {
    const writer = new ByteWriter();
    this.#operator.snapshot(writer);
    this.#operator.close();
    this.#operator = this.#make();
    this.#observed = observe(this.kernel, this.#operator, this.node.columns);
    this.#operator.restore(new ByteReader(writer.written().slice()));
  }

  get letters(): Observed['letters'] {
    return this.#observed.letters;
  }

  get rows(): number {
    return this.#operator.state().keys;
  }
}

describe.each(Object.entries(CONDITIONS))('a join on %s', (_, condition) => {
  it.each(KINDS)('%s: after every batch the same as the join of what stands', (kind) => {
    const node = joinNode(kind, LEFT, RIGHT, condition);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const running = new Running(node);
        const tables: [Row[], Row[]] = [[], []];
        for (const { input, rows, goes, restores } of steps) {
          const own = tables[input];
          own.push(...rows);
          const gone = goes.flatMap((at) => own.splice(at % Math.max(1, own.length), 1));
          running.process(input, [
            ...rows.map((values) => ({ values })),
            ...gone.map((values) => ({ values, weight: -1 })),
          ]);
          if (restores) running.restore();
          expect(running.standing).toEqual(counted(joined(node, ...tables), node.columns));
        }
      }),
      { numRuns: 12 },
    );
  });
});
