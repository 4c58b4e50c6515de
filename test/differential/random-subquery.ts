import { TABLES } from './subquery-queries.ts';

/** Columns that may be compared: of one alias, whole numbers or texts. */
interface Visible {
  readonly alias: string;
  readonly table: string;
}

/** Random queries with correlated sub-queries over the tables of subquery-queries.ts; the same numbers give the same query. */
export class RandomSubquery {
  readonly #random: () => number;
  #aliases = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  query(): string {
    const outer: Visible = { alias: 'o', table: 'o' };
    const value = this.#scalar([outer], 2);
    const where = this.#chance(0.7) ? ` WHERE ${this.#condition([outer], 2)}` : '';
    return `SELECT o.id, ${value} AS v FROM o${where}`;
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #one<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)]!;
  }

  #column(scope: readonly Visible[], kind: 'int4' | 'text'): string {
    // The innermost relation is named most often.
    const last = scope.at(-1)!;
    const { alias, table } = this.#chance(0.6) ? last : this.#one(scope);
    const names = TABLES[table]!.columns.filter(({ type }) => type.kind === kind).map(({ name }) => name);
    return names.length === 0 ? this.#column([scope[0]!], kind) : `${alias}.${this.#one(names)}`;
  }

  #number(scope: readonly Visible[]): string {
    const column = this.#column(scope, 'int4');
    return this.#chance(0.2) ? `${column} + ${this.#one([1, 2, 5])}` : column;
  }

  #comparison(scope: readonly Visible[]): string {
    if (this.#chance(0.2)) return `${this.#column(scope, 'text')} = ${this.#column(scope, 'text')}`;
    if (this.#chance(0.1)) return `${this.#column(scope, 'int4')} IS NULL`;
    const operator = this.#one(['=', '=', '=', '<', '>', '<>', 'IS NOT DISTINCT FROM']);
    return `${this.#number(scope)} ${operator} ${this.#number(scope)}`;
  }

  #condition(scope: readonly Visible[], depth: number): string {
    const parts = Array.from({ length: this.#one([1, 1, 2]) }, () => this.#test(scope, depth));
    return parts.join(this.#one([' AND ', ' AND ', ' OR ']));
  }

  #test(scope: readonly Visible[], depth: number): string {
    if (depth === 0 || this.#chance(0.4)) return this.#comparison(scope);
    const not = this.#one(['', 'NOT ']);
    switch (this.#one(['exists', 'exists', 'in', 'quantified', 'scalar'])) {
      case 'exists':
        return `${not}EXISTS (SELECT 1 ${this.#from(scope, depth - 1)})`;
      case 'in': {
        const { text, inner } = this.#fromOf(scope, depth - 1);
        return `${this.#number(scope)} ${not}IN (SELECT ${this.#column([inner], 'int4')} ${text})`;
      }
      case 'quantified': {
        const { text, inner } = this.#fromOf(scope, depth - 1);
        const quantifier = this.#one(['> ANY', '<= ALL', '<> ALL', '= ANY']);
        return `${not}${this.#number(scope)} ${quantifier} (SELECT ${this.#column([inner], 'int4')} ${text})`;
      }
      default:
        return `${this.#number(scope)} ${this.#one(['=', '<', '>='])} ${this.#scalar(scope, depth)}`;
    }
  }

  #from(scope: readonly Visible[], depth: number): string {
    return this.#fromOf(scope, depth).text;
  }

  #fromOf(scope: readonly Visible[], depth: number): { readonly text: string; readonly inner: Visible } {
    const inner: Visible = { alias: `t${++this.#aliases}`, table: this.#one(['i', 'i', 'o', 'e']) };
    if (this.#chance(0.15)) {
      const other: Visible = { alias: `t${++this.#aliases}`, table: this.#one(['i', 'o']) };
      const on = `${inner.alias}.k = ${other.alias}.k`;
      const where = this.#condition([...scope, other, inner], depth);
      return {
        text: `FROM ${inner.table} ${inner.alias} JOIN ${other.table} ${other.alias} ON ${on} WHERE ${where}`,
        inner,
      };
    }
    const where = this.#condition([...scope, inner], depth);
    return { text: `FROM ${inner.table} ${inner.alias} WHERE ${where}`, inner };
  }

  #scalar(scope: readonly Visible[], depth: number): string {
    const { text, inner } = this.#fromOf(scope, Math.max(0, depth - 1));
    const column = this.#column([inner], 'int4');
    switch (this.#one(['count', 'count', 'max', 'sum', 'first', 'distinct', 'having'])) {
      case 'count':
        return `(SELECT count(*) ${text})`;
      case 'max':
        return `(SELECT max(${column}) ${text})`;
      case 'sum':
        return `(SELECT coalesce(sum(${column}), -1) ${text})`;
      case 'first':
        return `(SELECT ${column} ${text} ORDER BY ${column} DESC NULLS LAST LIMIT 1)`;
      case 'distinct':
        return `(SELECT count(*) FROM (SELECT DISTINCT ${column} ${text}) d${++this.#aliases})`;
      default:
        return `(SELECT min(${column}) ${text} HAVING count(*) > 1)`;
    }
  }
}
