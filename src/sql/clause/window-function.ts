import type { FuncCall, Node } from 'libpg-query';
import type { Interval } from '../../plan/data-type.ts';
import { windowNode } from '../../plan/factory.ts';
import type { PlanNode, WindowNode } from '../../plan/node.ts';
import { type BindContext, ExpressionBinder } from '../expression-binder.ts';
import { Scope } from '../scope.ts';
import type { NameAt } from '../statement/statement.ts';
import { bareName, nameParts, nodeLocation } from '../text/syntax-tree.ts';

const MICROS_PER_DAY = 86_400_000_000n;

/** How each is called, with the least and greatest number of arguments; SESSION takes any number of keys. */
const FORMS: Readonly<
  Record<string, { readonly form: string; readonly example: string; readonly args: [number, number] }>
> = {
  tumble: {
    form: 'TUMBLE needs a relation, its time column and the size of the window',
    example: "TUMBLE(requests, time, INTERVAL '1 minute')",
    args: [3, 4],
  },
  hop: {
    form: 'HOP needs a relation, its time column, how far windows are apart, and their size',
    example: "HOP(requests, time, INTERVAL '1 minute', INTERVAL '5 minutes')",
    args: [4, 5],
  },
  session: {
    form: 'SESSION needs a relation, its time column and the gap that ends a session',
    example: "SESSION(requests, time, INTERVAL '30 minutes', user_id)",
    args: [3, Number.POSITIVE_INFINITY],
  },
};

export function isWindowFunction(name: string): boolean {
  return FORMS[name] !== undefined;
}

export interface WindowSpec {
  readonly context: BindContext;
  readonly relation: (argument: Node) => { readonly node: PlanNode; readonly name: string } | undefined;
  readonly alias: string | undefined;
  /** The keys of `SESSION(TABLE t PARTITION BY ...)`. */
  readonly sessionKeys: readonly NameAt[] | undefined;
  /** GROUP BY of the SELECT: the keys of a SESSION that names none. */
  readonly groups: readonly Node[];
}

/** TUMBLE, HOP and SESSION of FROM: the rows with `window_start` and `window_end`. */
export function bindWindow(
  spec: WindowSpec,
  fn: FuncCall,
  item: Node,
): { readonly node: PlanNode; readonly name: string } {
  const binder = new WindowBinder(spec, fn, item);
  return binder.bind();
}

class WindowBinder {
  readonly #spec: WindowSpec;
  readonly #args: readonly Node[];
  readonly #kind: string;
  readonly #item: Node;

  constructor(spec: WindowSpec, fn: FuncCall, item: Node) {
    this.#spec = spec;
    this.#args = fn.args ?? [];
    this.#kind = bareName(fn.funcname);
    this.#item = item;
  }

  bind(): { readonly node: PlanNode; readonly name: string } {
    const { context } = this.#spec;
    const { form, example, args } = FORMS[this.#kind]!;
    const [relation, time] = this.#args;
    const found = relation === undefined ? undefined : this.#spec.relation(relation);
    if (found === undefined || time === undefined || this.#args.length < args[0] || this.#args.length > args[1]) {
      throw this.#refuse(this.#item, form, `write ${example}`);
    }
    const { node: input, name } = found;
    const scope = Scope.of(name, input.columns);
    const column = new ExpressionBinder(context, scope).bind(time);
    if (column.kind !== 'column') {
      throw this.#refuse(time, 'the time of a window must be a column', 'compute it in a query, and window that');
    }
    const window = this.#window(scope);
    const at = context.place(nodeLocation(time));
    return { node: context.source.locate(at, () => windowNode(input, window, column.index)), name };
  }

  #refuse(node: Node, message: string, next: string): Error {
    const { context } = this.#spec;
    return context.source.error(context.place(nodeLocation(node)), message, { code: 'SQL_NOT_SUPPORTED', next });
  }

  #window(scope: Scope): WindowNode['window'] {
    const [, , first, second, third] = this.#args;
    if (this.#kind === 'session') {
      return { kind: 'session', gapUs: this.#interval(first!), keys: this.#keys(scope) };
    }
    if (this.#kind === 'hop') {
      const offsetUs = third === undefined ? 0n : this.#interval(third);
      return { kind: 'hopping', slideUs: this.#interval(first!), sizeUs: this.#interval(second!), offsetUs };
    }
    const offsetUs = second === undefined ? 0n : this.#interval(second);
    return { kind: 'tumbling', sizeUs: this.#interval(first!), offsetUs };
  }

  #interval(node: Node): bigint {
    const bound = new ExpressionBinder(this.#spec.context, new Scope([])).bind(node);
    if (bound.kind !== 'literal' || bound.type.kind !== 'interval' || bound.value === null) {
      throw this.#refuse(node, 'expected a constant interval', "write INTERVAL '1 minute'");
    }
    const { months, days, micros } = bound.value as Interval;
    if (months !== 0) throw this.#refuse(node, 'a window of months has no fixed length', 'use days or shorter units');
    return BigInt(days) * MICROS_PER_DAY + micros;
  }

  /** The columns that tell sessions apart: the arguments after the gap, or else the other columns of GROUP BY. */
  #keys(scope: Scope): readonly number[] {
    const { context } = this.#spec;
    const { sessionKeys } = this.#spec;
    if (sessionKeys !== undefined)
      return sessionKeys.map(({ name, at }) => scope.resolve(context.source, at, name).index);
    const given = this.#args.slice(3);
    if (given.length > 0) {
      const binder = new ExpressionBinder(context, scope);
      return given.map((node) => {
        const key = binder.bind(node);
        if (key.kind === 'column') return key.index;
        throw this.#refuse(node, 'a key of a SESSION must be a column', 'compute it in a query, and window that');
      });
    }
    return this.#spec.groups.flatMap((node) => this.#groupKey(node, scope));
  }

  #groupKey(node: Node, scope: Scope): readonly number[] {
    const { context, alias } = this.#spec;
    const parts = 'ColumnRef' in node ? nameParts(node.ColumnRef.fields) : [];
    const name = parts.at(-1);
    const at = context.place(nodeLocation(node));
    if (name === 'window_start' || name === 'window_end') return [];
    if (name !== undefined) {
      const own = alias ?? scope.relations[0]!.name;
      const isOther = parts.length > 1 && parts.at(-2) !== own;
      const found = isOther ? undefined : scope.find(context.source, at, name);
      if (found !== undefined) return [found.index];
    }
    throw context.source.error(at, 'SESSION takes its keys from GROUP BY, and this is not a column of its relation', {
      code: 'SQL_NOT_SUPPORTED',
      next: `write the keys after the gap: ${FORMS.session!.example}`,
    });
  }
}
