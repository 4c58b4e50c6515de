import type { RandomSource } from './random-source.ts';

/** The same thing in PostgreSQL's words, which the engine speaks, and in DuckDB's. */
export interface Phrase {
  readonly ours: string;
  readonly duck: string;
}

export type ValueType = 'int4' | 'int8' | 'float8' | 'numeric' | 'text' | 'boolean';

export interface TypedColumn {
  readonly name: string;
  readonly type: ValueType;
}

export const same = (text: string): Phrase => ({ ours: text, duck: text });

/** A phrase from parts: `phrase\`${a} + ${b}\``. */
export function phrase(strings: TemplateStringsArray, ...parts: readonly (Phrase | string)[]): Phrase {
  const join = (side: 'ours' | 'duck'): string =>
    strings.reduce((text, piece, i) => {
      const part = parts[i - 1]!;
      return `${text}${typeof part === 'string' ? part : part[side]}${piece}`;
    });
  return { ours: join('ours'), duck: join('duck') };
}

const COMPARISONS = ['=', '<>', '<', '<=', '>', '>='];
const NUMBERS: readonly ValueType[] = ['int4', 'int8', 'float8', 'numeric'];

/** Makes expressions over columns whose value neither side can fail to compute. */
export class ExpressionMaker {
  readonly #random: RandomSource;
  readonly #columns: readonly TypedColumn[];

  constructor(random: RandomSource, columns: readonly TypedColumn[]) {
    this.#random = random;
    this.#columns = columns;
  }

  #column(type: ValueType): Phrase | undefined {
    const fitting = this.#columns.filter((column) => column.type === type);
    return fitting.length === 0 ? undefined : same(this.#random.pick(fitting).name);
  }

  #literal(type: ValueType): Phrase {
    const random = this.#random;
    switch (type) {
      case 'int4':
        return same(String(random.below(41) - 20));
      case 'int8':
        return same(`${random.below(9) - 4}000000`);
      case 'float8':
        return phrase`CAST(${String((random.below(81) - 40) / 4)} AS ${{ ours: 'float8', duck: 'DOUBLE' }})`;
      case 'numeric':
        return same((random.below(2001) / 100).toFixed(2));
      case 'text':
        return same(`'${random.pick(['alpha', 'beta', 'a', '', 'é'])}'`);
      case 'boolean':
        return same(random.pick(['true', 'false']));
    }
  }

  of(type: ValueType, depth: number): Phrase {
    const random = this.#random;
    if (depth <= 0 || random.chance(0.25)) {
      return random.chance(0.8) ? (this.#column(type) ?? this.#literal(type)) : this.#literal(type);
    }
    if (random.chance(0.15)) return this.#conditional(type, depth);
    switch (type) {
      case 'boolean':
        return this.predicate(depth);
      case 'text':
        return this.#text(depth);
      default:
        return this.#number(type, depth);
    }
  }

  #conditional(type: ValueType, depth: number): Phrase {
    const [a, b] = [this.of(type, depth - 1), this.of(type, depth - 1)];
    if (this.#random.chance(0.3)) return phrase`coalesce(${a}, ${b})`;
    if (this.#random.chance(0.3)) return phrase`nullif(${a}, ${b})`;
    return phrase`CASE WHEN ${this.predicate(depth - 1)} THEN ${a} ELSE ${b} END`;
  }

  #number(type: ValueType, depth: number): Phrase {
    const random = this.#random;
    const a = this.of(type, depth - 1);
    switch (random.below(6)) {
      case 0:
        return phrase`abs(${a})`;
      case 1:
        return phrase`(- ${a})`;
      case 2:
        return type === 'int4' ? phrase`length(${this.of('text', depth - 1)})` : phrase`(${a} * 2)`;
      case 3:
        if (type === 'int4' || type === 'int8') return phrase`(${a} % ${String(random.below(9) + 2)})`;
        return phrase`(${a} - ${this.of(type, depth - 1)})`;
      case 4:
        return phrase`(${a} - ${this.of(type, depth - 1)})`;
      default:
        return phrase`(${a} + ${this.of(type, depth - 1)})`;
    }
  }

  #text(depth: number): Phrase {
    const a = this.of('text', depth - 1);
    switch (this.#random.below(5)) {
      case 0:
        return phrase`upper(${a})`;
      case 1:
        return phrase`lower(${a})`;
      case 2:
        return phrase`substr(${a}, ${String(1 + this.#random.below(3))}, ${String(this.#random.below(4))})`;
      case 3:
        return phrase`(${a} || ${this.of('text', depth - 1)})`;
      default:
        return phrase`replace(${a}, 'a', ${this.#literal('text')})`;
    }
  }

  predicate(depth: number): Phrase {
    const random = this.#random;
    if (depth <= 0) return this.#comparison(0);
    switch (random.below(8)) {
      case 0:
        return phrase`(${this.predicate(depth - 1)} AND ${this.predicate(depth - 1)})`;
      case 1:
        return phrase`(${this.predicate(depth - 1)} OR ${this.predicate(depth - 1)})`;
      case 2:
        return phrase`(NOT ${this.predicate(depth - 1)})`;
      case 3: {
        const not = random.chance(0.5) ? ' NOT' : '';
        return phrase`(${this.of(random.pick([...NUMBERS, 'text' as const]), depth - 1)} IS${not} NULL)`;
      }
      case 4: {
        const type = random.pick(['int4', 'text'] as const);
        const items = [this.#literal(type), this.#literal(type)];
        return phrase`(${this.of(type, depth - 1)} IN (${items[0]!}, ${items[1]!}))`;
      }
      case 5:
        return phrase`(${this.of('text', depth - 1)} LIKE '${random.pick(['a%', '%a', '%e%', '_', 'a\\%%', ''])}'${{ ours: '', duck: " ESCAPE '\\'" }})`;
      case 6:
        return phrase`(${this.#comparison(depth - 1)} IS ${random.pick(['TRUE', 'NOT TRUE', 'FALSE', 'NOT FALSE'])})`;
      default:
        return this.#comparison(depth - 1);
    }
  }

  #comparison(depth: number): Phrase {
    const random = this.#random;
    const operator = random.pick(COMPARISONS);
    if (random.chance(0.25)) return phrase`(${this.of('text', depth)} ${operator} ${this.of('text', depth)})`;
    if (random.chance(0.15)) {
      return phrase`(${this.of('int4', depth)} IS DISTINCT FROM ${this.of('int4', depth)})`;
    }
    if (random.chance(0.15)) {
      return phrase`(${this.of('int4', depth)} BETWEEN ${this.#literal('int4')} AND ${this.#literal('int4')})`;
    }
    return phrase`(${this.of(random.pick(NUMBERS), depth)} ${operator} ${this.of(random.pick(NUMBERS), depth)})`;
  }
}
