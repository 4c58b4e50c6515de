import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Label } from './code-sink.ts';
import { branch, branchIf, f64, i32, i64, ifElse, loop, select } from './instruction.ts';
import { ModuleBuilder } from './module-builder.ts';

const memory = new WebAssembly.Memory({ initial: 1 });

function run<Result>(module: ModuleBuilder, name: string, imports: WebAssembly.Imports['env'] = {}): Result {
  const compiled = new WebAssembly.Module(module.encode());
  const instance = new WebAssembly.Instance(compiled, {
    env: {
      memory,
      base: 64,
      ...imports,
    },
  });
  return (instance.exports[name] as () => Result)();
}

describe('modules', () => {
  it('encode every 64-bit constant', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const module = new ModuleBuilder();
        module.function('run', { parameters: [], result: 'i64' }).body.push(i64.const(value));
        expect(run<bigint>(module, 'run')).toBe(value);
      }),
      { numRuns: 200 },
    );
  });

  it('encode every 32-bit constant and every double', () => {
    fc.assert(
      fc.property(fc.integer(), fc.double(), (whole, double) => {
        const module = new ModuleBuilder();
        module.function('whole', { parameters: [], result: 'i32' }).body.push(i32.const(whole));
        module.function('double', { parameters: [], result: 'f64' }).body.push(f64.const(double));
        expect(run(module, 'whole')).toBe(whole);
        expect(run(module, 'double')).toBe(double);
      }),
      { numRuns: 200 },
    );
  });

  it('branch to labels however deep they lie', () => {
    const module = new ModuleBuilder();
    const made = module.function('run', { parameters: [], result: 'i32' });
    const i = made.local('i32');
    const sum = made.local('i32');
    const next = new Label('next');
    made.body.push(
      loop(next, [
        i.set(i32.add(i.get, i32.const(1))),
        ifElse(
          i32.rem(i.get, i32.const(2)),
          [branchIf(next, i32.lt(i.get, i32.const(5)))],
          [sum.set(i32.add(sum.get, i.get)), branch(next)],
        ),
      ]),
      select(sum.get, i32.const(-1), i32.const(1)),
    );
    expect(run(module, 'run')).toBe(2 + 4);
  });

  it('read their constant, the memory, and call what they import', () => {
    const module = new ModuleBuilder();
    const made = module.function('run', { parameters: [], result: 'i32' });
    new Int32Array(memory.buffer)[16] = 41;
    made.body.push(module.call('increment', [i32.load(module.base)], 'i32'));
    expect(module.imported).toEqual(['increment']);
    expect(run(module, 'run', { increment: (value: number) => value + 1 })).toBe(42);
  });
});
