import { describe, expect, it } from 'vitest';
import { planHash } from '../plan/pipeline-text.ts';
import { pipeline, source, t, udf } from './index.ts';
import { bindUserModule, ownFunctions } from './user-function.ts';

const orders = source('orders', { columns: { id: t.text().notNull(), amount: t.int4() } });
const label = udf('label', [t.text()], t.text(), (id) => `${id}!`);
const twice = udf('twice', [t.int4()], t.int8(), (amount) => (amount ?? 0) * 2);
const labelled = pipeline('p', (p) => {
  const rows = orders
    .filter((r) => twice(r.amount).gt(2))
    .select((r) => ({ label: label(r.id), deep: label(label(r.id)) }));
  p.view('labels', rows);
});
const bundle = { hash: 'a1', code: 'export {}' };

describe('the functions of a pipeline’s own file', () => {
  it('are found wherever they are called', () => {
    expect(ownFunctions(labelled)).toEqual(['twice', 'label']);
    expect(ownFunctions(pipeline('q', (p) => p.view('v', orders)))).toEqual([]);
  });

  it('are bound to the bundle, which goes with the pipeline', () => {
    const bound = bindUserModule(labelled, bundle);
    expect(bound.modules).toEqual([bundle]);
    expect(ownFunctions(bound)).toEqual([]);
    expect(
      JSON.stringify(bound, (_, value) => (typeof value === 'bigint' ? String(value) : (value as unknown))),
    ).not.toContain('own-module');
  });

  it('make another plan with another bundle', () => {
    const hash = planHash(bindUserModule(labelled, bundle));
    expect(planHash(bindUserModule(labelled, bundle))).toBe(hash);
    expect(planHash(bindUserModule(labelled, { ...bundle, hash: 'b2' }))).not.toBe(hash);
  });

  it('leave a pipeline without any as it is', () => {
    const plain = pipeline('q', (p) => p.view('v', orders));
    expect(bindUserModule(plain, bundle)).toBe(plain);
  });

  it('take as many arguments as were declared, of their types', () => {
    const wrong = label as unknown as (...operands: unknown[]) => unknown;
    const amount = amountOfOrders();
    expect(() => wrong(amount)).toThrow();
    expect(() => wrong(amount, amount)).toThrow('it takes 1 arguments, not 2');
  });
});

/** A column, taken out of the function that is given the row. */
function amountOfOrders(): unknown {
  let amount: unknown;
  orders.select((r) => {
    amount = r.amount;
    return { id: r.id };
  });
  return amount;
}
