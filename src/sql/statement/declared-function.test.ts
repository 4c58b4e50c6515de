import { describe, expect, it } from 'vitest';
import { TYPE } from '../../plan/type-name.ts';
import { SourceText } from '../text/source-text.ts';
import { declaredFunction } from './declared-function.ts';
import { compilePipeline } from './pipeline-compiler.ts';
import type { CreateFunction } from './statement.ts';
import { parseStatements } from './statement-parser.ts';

const declare = (text: string) => {
  const source = new SourceText(text);
  return declaredFunction(source, parseStatements(source)[0] as CreateFunction, 'hash');
};
const FUNCTION = "CREATE FUNCTION f(a text) RETURNS text LANGUAGE typescript AS './f.ts#g'";

describe('CREATE FUNCTION', () => {
  it('is synchronous and deterministic without options', () => {
    const { options, ...rest } = declare(FUNCTION);
    expect(options).toBeUndefined();
    expect(rest).toEqual({ name: 'f', args: [TYPE.text], returns: TYPE.text, module: 'hash', exportName: 'g' });
  });

  it('takes the export of its own name from a bare file', () => {
    expect(declare("CREATE FUNCTION f() RETURNS int LANGUAGE typescript AS 'f.ts'").exportName).toBe('f');
  });

  it('reads how it is called', () => {
    const text = `${FUNCTION} WITH (async = true, volatile = true, concurrency = 4, timeout = '2 s', retries = 5, on_error = 'fail')`;
    expect(declare(text).options).toEqual({
      asynchronous: true,
      volatile: true,
      pool: false,
      concurrency: 4,
      timeoutMs: 2_000,
      retries: 5,
      onError: 'fail',
    });
  });

  it('tries promises again, and computations not', () => {
    expect(declare(`${FUNCTION} WITH (async = true)`).options?.retries).toBe(3);
    expect(declare(`${FUNCTION} WITH (pool = true)`).options?.retries).toBe(0);
  });

  it('gives a table', () => {
    const made = declare("CREATE FUNCTION f(a text) RETURNS TABLE (x int, y text) LANGUAGE typescript AS './f.ts#g'");
    expect(made.returns).toBeUndefined();
    expect(made.table).toEqual([
      { name: 'x', type: TYPE.int4, nullable: true },
      { name: 'y', type: TYPE.text, nullable: true },
    ]);
  });

  it.each([
    ['an unknown option', `${FUNCTION} WITH (asynch = true)`, 'did you mean "async"?'],
    ['a wrong value', `${FUNCTION} WITH (timeout = 'soon')`, 'timeout'],
    ['an option without effect', `${FUNCTION} WITH (concurrency = 4)`, 'no effect'],
    ['a promise on the pool', `${FUNCTION} WITH (async = true, pool = true)`, 'does not run on the pool'],
    [
      'a volatile table',
      "CREATE FUNCTION f() RETURNS TABLE (x int) LANGUAGE typescript AS 'f.ts' WITH (volatile = true)",
      'synchronous and deterministic',
    ],
    [
      'a column twice',
      "CREATE FUNCTION f() RETURNS TABLE (x int, x int) LANGUAGE typescript AS 'f.ts'",
      '"x" is declared twice',
    ],
  ])('refuses %s', (_what, text, message) => {
    let failure: { message: string; next?: string; position?: object } | undefined;
    try {
      declare(text);
    } catch (error) {
      failure = error as typeof failure;
    }
    expect(`${failure?.message} ${failure?.next}`).toContain(message);
    expect(failure?.position).toBeDefined();
  });

  it('is not for expressions when it gives a table', async () => {
    const text = `CREATE SOURCE s (a text);
      CREATE FUNCTION f(a text) RETURNS TABLE (x int) LANGUAGE typescript AS 'f.ts';
      CREATE MATERIALIZED VIEW v AS SELECT f(a) AS x FROM s;`;
    const loadModule = () => ({ hash: 'h', code: '' });
    await expect(compilePipeline(text, { name: 'p', loadModule })).rejects.toThrow('f gives a table');
  });
});
