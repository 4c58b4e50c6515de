import { describe, expect, it } from 'vitest';
import { planHash } from '../plan/pipeline-text.ts';
import { lookup, pipeline, source, t, udf, udtf } from './index.ts';
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

describe('how a function is called', () => {
  const ask = udf('ask', [t.text()], t.text(), async (id) => `${id}?`, { timeout: '2 s', concurrency: 4 });
  const roll = udf('roll', [t.text()], t.int8(), () => 4n, { volatile: true });
  const parts = udtf('parts', [t.text()], { part: t.text(), size: t.int4() }, (id) => [{ part: id, size: 1 }]);

  it('is asynchronous for an async function, and its call a node of its own', () => {
    const built = pipeline('p', (p) => {
      p.view(
        'v',
        orders.select((r) => ({ id: r.id, answer: ask(r.id), number: roll(r.id) })),
      );
    });
    const [output] = bindUserModule(built, bundle).outputs;
    const calls = output!.input.kind === 'project' ? output!.input.input : undefined;
    expect(calls).toMatchObject({
      kind: 'user-call',
      calls: [
        { name: 'ask', module: 'a1', options: { asynchronous: true, timeoutMs: 2_000, concurrency: 4, retries: 3 } },
        { name: 'roll', module: 'a1', options: { volatile: true, asynchronous: false } },
      ],
    });
    expect(ownFunctions(built)).toEqual(['ask', 'roll']);
  });

  it('gives rows beside each row', () => {
    const built = pipeline('p', (p) => {
      p.view(
        'v',
        orders
          .expand((r) => parts(r.id), { optional: true })
          .select((r) => ({ id: r.id, part: r.part.upper(), size: r.size })),
      );
    });
    const [output] = bindUserModule(built, bundle).outputs;
    const node = output!.input.kind === 'project' ? output!.input.input : undefined;
    expect(node).toMatchObject({ kind: 'table-function', outer: true, user: { name: 'parts', module: 'a1' } });
    expect(node!.columns.map(({ name }) => name)).toEqual(['id', 'amount', 'part', 'size']);
  });

  it('runs on values as it stands', () => {
    const values = parts as unknown as (id: string) => unknown;
    expect(values('a')).toEqual([{ part: 'a', size: 1 }]);
  });
});

describe('a look-up', () => {
  const customers = lookup('customers', {
    key: { id: t.int8() },
    columns: { name: t.text(), level: t.int4().path('account', 'level') },
    with: { connector: 'http', url: 'http://x/{id}', ttl: '1 minute' },
  });

  it('gives its columns beside those of the stream, by keys of its types', () => {
    const stream = orders.lookup(customers, (r) => ({ id: r.amount }), { optional: true });
    expect(stream.node).toMatchObject({
      kind: 'lookup',
      connector: 'http',
      options: { url: 'http://x/{id}', ttl: '1 minute' },
      keyNames: ['id'],
      keys: [{ kind: 'cast', type: { kind: 'int8' } }],
      found: [{ path: ['name'] }, { path: ['account', 'level'] }],
      join: 'left',
    });
    expect(stream.select((r) => ({ name: r.name, level: r.level })).node.columns).toMatchObject([
      { name: 'name', nullable: true },
      { name: 'level', nullable: true },
    ]);
  });

  it('refuses a column that is there already', () => {
    const same = lookup('same', { key: { k: t.text() }, columns: { id: t.text() }, with: { connector: 'http' } });
    expect(() => orders.lookup(same, (r) => ({ k: r.id }))).toThrow('look-up "same" finds a column "id"');
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
