import { ExpressionMaker, type Phrase, phrase, same, type TypedColumn, type ValueType } from './random-expression.ts';
import type { RandomSource } from './random-source.ts';
import { KEYED_COLUMNS, KEYED_TABLE, TABLE_COLUMNS } from './random-tables.ts';

/** A query, its columns, and what it is made of. */
export interface Relation {
  readonly query: Phrase;
  readonly columns: readonly TypedColumn[];
  readonly operators: readonly string[];
}

const TABLES = ['a', 'b', 'c', KEYED_TABLE, KEYED_TABLE];
const KEYS: readonly ValueType[] = ['int4', 'text', 'boolean'];
const COLUMNS_MAX = 8;

/** Makes queries over the tables `a`, `b`, `c` and `u` whose rows, as a bag, are certain: whatever orders rows orders by all columns. */
export class RelationMaker {
  readonly #random: RandomSource;
  /** Views of the pipeline that may be read too. */
  readonly #views: readonly { readonly name: string; readonly columns: readonly TypedColumn[] }[];

  constructor(random: RandomSource, views: RelationMaker['views'] = []) {
    this.#random = random;
    this.#views = views;
  }

  get views(): readonly { readonly name: string; readonly columns: readonly TypedColumn[] }[] {
    return this.#views;
  }

  of(depth: number): Relation {
    const random = this.#random;
    if (depth <= 0) return this.#table();
    const input = (): Relation => this.of(depth - 1 - (random.chance(0.4) ? 1 : 0));
    switch (random.below(15)) {
      case 0:
        return this.#projected(input());
      case 1:
      case 2:
      case 3:
        return this.#joined(input(), input());
      case 4:
        return this.#semiJoined(input(), input());
      case 5:
      case 6:
        return this.#aggregated(input());
      case 7:
        return this.#distinct(input());
      case 8:
      case 9:
        return this.#setOperation(input(), input());
      case 10:
        return this.#topN(input());
      case 11:
        return this.#limited(input());
      case 12:
        return this.#over(input());
      case 13:
        return this.#subQuery(input(), input());
      default:
        return random.chance(0.5) ? this.#tableFunction(input()) : this.#distinctOn(input());
    }
  }

  #table(): Relation {
    const random = this.#random;
    if (this.#views.length > 0 && random.chance(0.4)) {
      const { name, columns } = random.pick(this.#views);
      return { query: same(`SELECT ${names(columns)} FROM ${name}`), columns, operators: ['view on view'] };
    }
    const table = random.pick(TABLES);
    const isKeyed = table === KEYED_TABLE;
    const chosen = random.some(isKeyed ? KEYED_COLUMNS : TABLE_COLUMNS).slice(0, COLUMNS_MAX);
    const columns = chosen.map(({ type }, i): TypedColumn => ({ name: `c${i}`, type }));
    const list = chosen.map(({ name }, i) => `${name} AS c${i}`).join(', ');
    return { query: same(`SELECT ${list} FROM ${table}`), columns, operators: isKeyed ? ['keyed table'] : [] };
  }

  #maker(...sides: readonly (readonly [alias: string, relation: Relation])[]): ExpressionMaker {
    const columns = sides.flatMap(([alias, relation]) =>
      relation.columns.map((column) => ({ ...column, name: `${alias}.${column.name}` })),
    );
    return new ExpressionMaker(this.#random, columns);
  }

  /** Columns of an alias, renamed from c0 on. */
  #list(alias: string, columns: readonly TypedColumn[], from = 0): string {
    return columns.map(({ name }, i) => `${alias}.${name} AS c${i + from}`).join(', ');
  }

  #projected(input: Relation): Relation {
    const random = this.#random;
    const maker = this.#maker(['x', input]);
    const made = Array.from({ length: 1 + random.below(4) }, () => {
      const type = random.pick(['int4', 'int8', 'float8', 'numeric', 'text', 'boolean'] as const);
      return { type, expression: maker.of(type, 2) };
    });
    const list = joined(made.map(({ expression }, i) => phrase`${expression} AS c${String(i)}`));
    const where = random.chance(0.6) ? phrase` WHERE ${maker.predicate(2)}` : same('');
    return {
      query: phrase`SELECT ${list} FROM (${input.query}) AS x${where}`,
      columns: made.map(({ type }, i) => ({ name: `c${i}`, type })),
      operators: [...input.operators, 'projection'],
    };
  }

  /** Equal columns of one type, or undefined where there are none. */
  #equality(left: Relation, right: Relation): string | undefined {
    const pairs = left.columns.flatMap((l) =>
      right.columns.filter((r) => r.type === l.type && l.type !== 'boolean').map((r) => `l.${l.name} = r.${r.name}`),
    );
    return pairs.length === 0 ? undefined : this.#random.pick(pairs);
  }

  #joined(left: Relation, right: Relation): Relation {
    const random = this.#random;
    const equality = this.#equality(left, right);
    if (equality === undefined) return this.#projected(left);
    const kind = random.pick(['INNER', 'INNER', 'LEFT', 'RIGHT', 'FULL'] as const);
    const extra = kind !== 'FULL' && random.chance(0.3);
    const more = extra ? phrase` AND ${this.#maker(['l', left], ['r', right]).predicate(1)}` : same('');
    const l = left.columns.slice(0, COLUMNS_MAX / 2);
    const r = right.columns.slice(0, COLUMNS_MAX / 2);
    const list = `${this.#list('l', l)}, ${this.#list('r', r, l.length)}`;
    return {
      query: phrase`SELECT ${list} FROM (${left.query}) AS l ${kind} JOIN (${right.query}) AS r ON ${equality}${more}`,
      columns: [...l, ...r].map(({ type }, i) => ({ name: `c${i}`, type })),
      operators: [...left.operators, ...right.operators, `${kind.toLowerCase()} join`],
    };
  }

  #semiJoined(left: Relation, right: Relation): Relation {
    const random = this.#random;
    const equality = this.#equality(left, right);
    if (equality === undefined) return this.#distinct(left);
    const not = random.chance(0.5) ? 'NOT ' : '';
    const list = this.#list('l', left.columns);
    const [, own = '', other = ''] = /^(.*) = (.*)$/.exec(equality)!;
    const isIn = random.chance(0.4);
    const test = isIn
      ? phrase`${own} ${not}IN (SELECT ${other} FROM (${right.query}) AS r)`
      : phrase`${not}EXISTS (SELECT 1 FROM (${right.query}) AS r WHERE ${equality})`;
    return {
      query: phrase`SELECT ${list} FROM (${left.query}) AS l WHERE ${test}`,
      columns: left.columns.map(({ type }, i) => ({ name: `c${i}`, type })),
      operators: [...left.operators, ...right.operators, `${not.toLowerCase()}${isIn ? 'in' : 'exists'}`],
    };
  }

  #aggregated(input: Relation): Relation {
    const random = this.#random;
    const maker = this.#maker(['x', input]);
    const groupable = input.columns.filter(({ type }) => KEYS.includes(type));
    const groups = groupable.length === 0 || random.chance(0.15) ? [] : random.some(groupable).slice(0, 2);
    const calls = Array.from({ length: 1 + random.below(3) }, () => this.#aggregate(maker));
    const items = [...groups.map(({ name }) => same(`x.${name}`)), ...calls.map(({ call }) => call)];
    const list = joined(items.map((item, i) => phrase`${item} AS c${String(i)}`));
    const by = groups.length === 0 ? '' : ` GROUP BY ${groups.map(({ name }) => `x.${name}`).join(', ')}`;
    const having = random.chance(0.25)
      ? ` HAVING count(*) ${random.pick(['>', '<=', '='])} ${1 + random.below(3)}`
      : '';
    return {
      query: phrase`SELECT ${list} FROM (${input.query}) AS x${by}${having}`,
      columns: [...groups.map(({ type }) => type), ...calls.map(({ type }) => type)].map((type, i) => ({
        name: `c${i}`,
        type,
      })),
      operators: [
        ...input.operators,
        groups.length === 0 ? 'aggregate without groups' : 'aggregate',
        ...calls.map(({ name }) => name),
        ...(having === '' ? [] : ['having']),
      ],
    };
  }

  #aggregate(maker: ExpressionMaker): { readonly name: string; readonly type: ValueType; readonly call: Phrase } {
    const random = this.#random;
    const filter = random.chance(0.3) ? phrase` FILTER (WHERE ${maker.predicate(1)})` : same('');
    const distinct = random.chance(0.25) ? 'DISTINCT ' : '';
    const number = random.pick(['int4', 'int8', 'float8', 'numeric'] as const);
    switch (random.below(8)) {
      case 0:
        return { name: 'count(*)', type: 'int8', call: phrase`count(*)${filter}` };
      case 1: {
        const of = maker.of(random.pick(['int4', 'text', 'numeric', 'boolean']), 1);
        return { name: 'count', type: 'int8', call: phrase`count(${distinct}${of})${filter}` };
      }
      case 2: {
        const type = number === 'float8' ? 'float8' : 'numeric';
        return { name: 'sum', type, call: phrase`sum(${distinct}${maker.of(number, 1)})${filter}` };
      }
      case 3: {
        const call = random.pick(['bool_and', 'bool_or']);
        return { name: call, type: 'boolean', call: phrase`${call}(${maker.predicate(1)})${filter}` };
      }
      case 4: {
        const of = maker.of('text', 1);
        const call = phrase`string_agg(${distinct}${of}, ',' ORDER BY ${of})${filter}`;
        return { name: 'string_agg', type: 'text', call };
      }
      default: {
        const least = random.pick(['min', 'max']);
        const type = random.pick([number, 'text'] as const);
        return { name: least, type, call: phrase`${least}(${maker.of(type, 1)})${filter}` };
      }
    }
  }

  #distinct(input: Relation): Relation {
    const kept = this.#random.some(input.columns);
    return {
      query: phrase`SELECT DISTINCT ${this.#list('x', kept)} FROM (${input.query}) AS x`,
      columns: kept.map(({ type }, i) => ({ name: `c${i}`, type })),
      operators: [...input.operators, 'distinct'],
    };
  }

  #distinctOn(input: Relation): Relation {
    const keys = this.#random.some(input.columns).slice(0, 2);
    const rest = input.columns.filter((column) => !keys.includes(column));
    const order = [...keys, ...rest].map(({ name }) => this.#ordered(`x.${name}`)).join(', ');
    const on = keys.map(({ name }) => `x.${name}`).join(', ');
    return {
      query: phrase`SELECT DISTINCT ON (${on}) ${this.#list('x', input.columns)} FROM (${input.query}) AS x ORDER BY ${order}`,
      columns: input.columns.map(({ type }, i) => ({ name: `c${i}`, type })),
      operators: [...input.operators, 'distinct on'],
    };
  }

  #setOperation(left: Relation, right: Relation): Relation {
    const random = this.#random;
    const types = random.some(left.columns).map(({ type }) => type);
    const side = (relation: Relation): Phrase => {
      const maker = this.#maker(['x', relation]);
      const list = joined(types.map((type, i) => phrase`${maker.of(type, 0)} AS c${String(i)}`));
      return phrase`SELECT ${list} FROM (${relation.query}) AS x`;
    };
    const operation = random.pick(['UNION', 'EXCEPT', 'INTERSECT']);
    const all = random.chance(0.5) ? ' ALL' : '';
    return {
      query: phrase`(${side(left)}) ${operation}${all} (${side(right)})`,
      columns: types.map((type, i) => ({ name: `c${i}`, type })),
      operators: [...left.operators, ...right.operators, `${operation.toLowerCase()}${all.toLowerCase()}`],
    };
  }

  #ordered(column: string): string {
    return `${column} ${this.#random.pick(['ASC', 'DESC'])} NULLS ${this.#random.pick(['FIRST', 'LAST'])}`;
  }

  /** All columns, each in some direction: rows that are equal in all of them are the same. */
  #total(columns: readonly TypedColumn[]): string {
    const first = this.#random.pick(columns);
    return [first, ...columns.filter((column) => column !== first)]
      .map(({ name }) => this.#ordered(`x.${name}`))
      .join(', ');
  }

  #topN(input: Relation): Relation {
    const random = this.#random;
    const partition = random.chance(0.8) ? `PARTITION BY x.${random.pick(input.columns).name} ` : '';
    const rank = random.pick(['row_number', 'row_number', 'rank', 'dense_rank']);
    const test = random.pick(['<= 1', '<= 2', '<= 3', '= 1', '> 1', 'BETWEEN 2 AND 3']);
    const at = input.columns.length;
    const ranked = phrase`SELECT ${this.#list('x', input.columns)}, ${rank}() OVER (${partition}ORDER BY ${this.#total(input.columns)}) AS n FROM (${input.query}) AS x`;
    const shown = random.chance(0.5);
    return {
      query: phrase`SELECT ${this.#list(
        'y',
        input.columns.map(({ type }, i) => ({ name: `c${i}`, type })),
      )}${shown ? `, y.n AS c${at}` : ''} FROM (${ranked}) AS y WHERE y.n ${test}`,
      columns: [...input.columns.map(({ type }) => type), ...(shown ? ['int8' as const] : [])].map((type, i) => ({
        name: `c${i}`,
        type,
      })),
      operators: [...input.operators, `top-n ${rank}`],
    };
  }

  #limited(input: Relation): Relation {
    const offset = this.#random.chance(0.3) ? ` OFFSET ${this.#random.below(4)}` : '';
    const limit = ` LIMIT ${this.#random.below(6)}`;
    return {
      query: phrase`SELECT ${this.#list('x', input.columns)} FROM (${input.query}) AS x ORDER BY ${this.#total(input.columns)}${limit}${offset}`,
      columns: input.columns.map(({ type }, i) => ({ name: `c${i}`, type })),
      operators: [...input.operators, 'limit'],
    };
  }

  #over(input: Relation): Relation {
    const random = this.#random;
    const kept = input.columns.slice(0, COLUMNS_MAX - 1);
    const partition = random.chance(0.7) ? `PARTITION BY x.${random.pick(input.columns).name} ` : '';
    const order = `ORDER BY ${this.#total(input.columns)}`;
    const { name, type, call, frame } = this.#windowCall(input);
    return {
      query: phrase`SELECT ${this.#list('x', kept)}, ${call} OVER (${partition}${order}${frame}) AS c${String(kept.length)} FROM (${input.query}) AS x`,
      columns: [...kept.map((column) => column.type), type].map((each, i) => ({ name: `c${i}`, type: each })),
      operators: [...input.operators, `over ${name}`],
    };
  }

  #windowCall(input: Relation): {
    readonly name: string;
    readonly type: ValueType;
    readonly call: Phrase;
    readonly frame: string;
  } {
    const random = this.#random;
    const ranks = ['row_number', 'rank', 'dense_rank'];
    if (random.chance(0.3)) {
      const name = random.pick(ranks);
      return { name, type: 'int8', call: same(`${name}()`), frame: '' };
    }
    const column = random.pick(input.columns);
    if (random.chance(0.3)) {
      const name = random.pick(['lag', 'lead']);
      return { name, type: column.type, call: same(`${name}(x.${column.name}, ${1 + random.below(2)})`), frame: '' };
    }
    const bound = (side: string): string => random.pick([`UNBOUNDED ${side}`, `1 ${side}`, `2 ${side}`, 'CURRENT ROW']);
    const frame = random.chance(0.3) ? '' : ` ROWS BETWEEN ${bound('PRECEDING')} AND ${bound('FOLLOWING')}`;
    if (random.chance(0.3)) {
      const name = random.pick(['first_value', 'last_value']);
      return { name, type: column.type, call: same(`${name}(x.${column.name})`), frame };
    }
    const numbers = input.columns.filter(({ type }) => type !== 'text' && type !== 'boolean');
    const number = numbers[0];
    if (number === undefined || random.chance(0.3))
      return { name: 'count', type: 'int8', call: same('count(*)'), frame };
    const name = random.pick(['sum', 'min', 'max']);
    const type = name !== 'sum' ? number.type : number.type === 'float8' ? 'float8' : 'numeric';
    return { name, type, call: same(`${name}(x.${number.name})`), frame };
  }

  /** A scalar sub-query, correlated or not. */
  #subQuery(left: Relation, right: Relation): Relation {
    const random = this.#random;
    const kept = left.columns.slice(0, COLUMNS_MAX - 1);
    const equality = random.chance(0.7) ? this.#equality(left, right) : undefined;
    const inner = this.#maker(['r', right]);
    const type = random.pick(['int4', 'numeric', 'text'] as const);
    const call = random.chance(0.4) ? same('count(*)') : phrase`${random.pick(['min', 'max'])}(${inner.of(type, 1)})`;
    const made: ValueType = call.ours === 'count(*)' ? 'int8' : type;
    const where = equality === undefined ? '' : ` WHERE ${equality}`;
    return {
      query: phrase`SELECT ${this.#list('l', kept)}, (SELECT ${call} FROM (${right.query}) AS r${where}) AS c${String(kept.length)} FROM (${left.query}) AS l`,
      columns: [...kept.map((column) => column.type), made].map(
        (each, i): TypedColumn => ({ name: `c${i}`, type: each }),
      ),
      operators: [
        ...left.operators,
        ...right.operators,
        equality === undefined ? 'scalar sub-query' : 'correlated sub-query',
      ],
    };
  }

  #tableFunction(input: Relation): Relation {
    const random = this.#random;
    const kept = input.columns.slice(0, COLUMNS_MAX - 1);
    const numbers = input.columns.filter(({ type }) => type === 'int4');
    const to = numbers.length === 0 ? same('2') : phrase`(x.${random.pick(numbers).name} % 4)`;
    const series = phrase`generate_series(0, ${to}) AS g(v)`;
    const whole: Phrase = { ours: series.ours, duck: `(SELECT UNNEST(generate_series(0, ${to.duck})) AS v) AS g` };
    return {
      query: phrase`SELECT ${this.#list('x', kept)}, ${{ ours: 'g.v', duck: 'CAST(g.v AS INTEGER)' }} AS c${String(kept.length)} FROM (${input.query}) AS x, ${{ ours: '', duck: 'LATERAL ' }}${whole}`,
      columns: [...kept.map((column) => column.type), 'int4' as const].map(
        (type, i): TypedColumn => ({ name: `c${i}`, type }),
      ),
      operators: [...input.operators, 'generate_series'],
    };
  }
}

const names = (columns: readonly TypedColumn[]): string => columns.map(({ name }) => name).join(', ');

const joined = (parts: readonly Phrase[]): Phrase => ({
  ours: parts.map(({ ours }) => ours).join(', '),
  duck: parts.map(({ duck }) => duck).join(', '),
});
