import { evaluationError } from '../evaluation-error.ts';
import { RegularExpressionSearch } from '../pattern/regular-expression-search.ts';
import { NO_FLAGS, withFlagLetters } from '../pattern/regular-expression-syntax.ts';
import type { JsonPath, JsonPathExpression, JsonPathMethod, JsonPathStep } from './json-path-syntax.ts';
import { compareText } from './text-order.ts';

type Json = unknown;
type JsonObject = Readonly<Record<string, unknown>>;

/** Values that one path may find in one document. */
const FOUND_MAX = 1_000_000;

interface Place {
  readonly root: Json;
  readonly current: Json;
  /** The last index of the array at hand. */
  readonly last: number;
}

const wrong = (message: string): Error => evaluationError('PLAN_INVALID_ARGUMENT', message);

/** Everything that a path leads to in a document, in order (SQL/JSON path, ISO/IEC 9075-2, 9.44); in lax mode arrays unwrap themselves. */
export function queryJsonPath(path: JsonPath, document: Json): readonly Json[] {
  return new Runner(path.isStrict).sequence(path.expression, { root: document, current: document, last: -1 });
}

/** The truth of a path that is a condition; null when it is unknown, or no condition. */
export function matchJsonPath(path: JsonPath, document: Json): boolean | null {
  const found = queryJsonPath(path, document);
  const [only] = found;
  if (found.length === 1 && (typeof only === 'boolean' || only === null)) return only;
  throw wrong('single boolean result is expected');
}

class Runner {
  readonly #isStrict: boolean;

  constructor(isStrict: boolean) {
    this.#isStrict = isStrict;
  }

  sequence(expression: JsonPathExpression, place: Place): readonly Json[] {
    switch (expression.kind) {
      case 'root':
        return [place.root];
      case 'current':
        return [place.current];
      case 'last':
        return [place.last];
      case 'constant':
        return [expression.value];
      case 'path':
        return expression.steps.reduce<readonly Json[]>(
          (found, step) => this.#step(step, found, place),
          this.sequence(expression.start, place),
        );
      case 'negate':
        return this.#unwrapped(this.sequence(expression.item, place)).map((value) => -numberOf(value, '-'));
      case 'binary':
        if (/^[+\-*/%]$/.test(expression.operator)) return [this.#arithmetic(expression, place)];
        return [this.#truth(expression, place)];
      default:
        return [this.#truth(expression, place)];
    }
  }

  #unwrapped(values: readonly Json[]): readonly Json[] {
    return this.#isStrict ? values : values.flatMap((value) => (Array.isArray(value) ? (value as Json[]) : [value]));
  }

  #step(step: JsonPathStep, values: readonly Json[], place: Place): readonly Json[] {
    const found = values.flatMap((value) => this.#from(step, value, place));
    if (found.length > FOUND_MAX) throw wrong(`a path may find ${FOUND_MAX} values`);
    return found;
  }

  #from(step: JsonPathStep, value: Json, place: Place): readonly Json[] {
    switch (step.kind) {
      case 'member':
        return this.#objects(value).flatMap((object) => this.#member(object, step.name));
      case 'any-member':
        return this.#objects(value).flatMap((object) => (isObject(object) ? Object.values(object) : []));
      case 'any-depth':
        return everything(value);
      case 'any-element':
        return this.#array(value);
      case 'elements':
        return this.#elements(step.ranges, this.#array(value), place);
      case 'filter':
        return this.#unwrapped([value]).filter(
          (item) => this.#truth(step.condition, { ...place, current: item }) === true,
        );
      case 'method': {
        const isOfArray = step.name === 'type' || step.name === 'size';
        return (isOfArray ? [value] : this.#unwrapped([value])).flatMap((item) => methodOf(step.name, item));
      }
    }
  }

  #objects(value: Json): readonly Json[] {
    return this.#isStrict || !Array.isArray(value) ? [value] : (value as Json[]);
  }

  #member(object: Json, name: string): readonly Json[] {
    if (isObject(object) && Object.hasOwn(object, name)) return [object[name]];
    if (!this.#isStrict) return [];
    throw wrong(
      isObject(object)
        ? `JSON object does not contain key "${name}"`
        : 'jsonpath member accessor can only be applied to an object',
    );
  }

  /** In lax mode anything else is an array of one. */
  #array(value: Json): readonly Json[] {
    if (Array.isArray(value)) return value as Json[];
    if (this.#isStrict) throw wrong('jsonpath array accessor can only be applied to an array');
    return [value];
  }

  #elements(
    ranges: readonly (readonly [JsonPathExpression, JsonPathExpression | undefined])[],
    array: readonly Json[],
    place: Place,
  ): readonly Json[] {
    const at = { ...place, last: array.length - 1 };
    return ranges.flatMap(([from, to]) => {
      const low = Math.trunc(numberOf(this.sequence(from, at)[0], 'subscript'));
      const high = to === undefined ? low : Math.trunc(numberOf(this.sequence(to, at)[0], 'subscript'));
      if (this.#isStrict && (low < 0 || low > high || high >= array.length)) {
        throw wrong('jsonpath array subscript is out of bounds');
      }
      return array.slice(Math.max(0, low), Math.max(0, high + 1));
    });
  }

  #arithmetic(expression: JsonPathExpression & { kind: 'binary' }, place: Place): number {
    const [left, right] = [expression.left, expression.right].map((side) => {
      const values = this.#unwrapped(this.sequence(side, place));
      if (values.length !== 1)
        throw wrong(`operand of jsonpath operator ${expression.operator} is not a single numeric value`);
      return numberOf(values[0], expression.operator);
    }) as [number, number];
    if (right === 0 && (expression.operator === '/' || expression.operator === '%')) {
      throw evaluationError('PLAN_DIVISION_BY_ZERO', 'division by zero');
    }
    return calculated(expression.operator, left, right);
  }

  /** Three-valued; an error inside of a condition is unknown. */
  #truth(expression: JsonPathExpression, place: Place): boolean | null {
    try {
      return this.#decided(expression, place);
    } catch {
      return null;
    }
  }

  #decided(expression: JsonPathExpression, place: Place): boolean | null {
    switch (expression.kind) {
      case 'not': {
        const inner = this.#truth(expression.item, place);
        return inner === null ? null : !inner;
      }
      case 'exists':
        return this.sequence(expression.item, place).length > 0;
      case 'is-unknown':
        return this.#truth(expression.item, place) === null;
      case 'starts-with':
        return any(this.#unwrapped(this.sequence(expression.item, place)), (value) =>
          typeof value === 'string' ? value.startsWith(expression.prefix) : null,
        );
      case 'like-regex': {
        const matches = patternOf(expression.pattern, expression.flags);
        return any(this.#unwrapped(this.sequence(expression.item, place)), (value) =>
          typeof value === 'string' ? matches(value) : null,
        );
      }
      case 'binary':
        return this.#compared(expression, place);
      default: {
        const [value] = this.sequence(expression, place);
        return typeof value === 'boolean' ? value : null;
      }
    }
  }

  #compared({ operator, left, right }: JsonPathExpression & { kind: 'binary' }, place: Place): boolean | null {
    if (operator === '&&' || operator === '||') {
      const decisive = operator === '||';
      const a = this.#truth(left, place);
      if (a === decisive) return decisive;
      const b = this.#truth(right, place);
      if (b === decisive) return decisive;
      return a === null || b === null ? null : !decisive;
    }
    const rights = this.#unwrapped(this.sequence(right, place));
    return any(this.#unwrapped(this.sequence(left, place)), (a) => any(rights, (b) => holds(operator, a, b)));
  }
}

/** True for one is enough; else unknown if it is for any. */
function any(values: readonly Json[], test: (value: Json) => boolean | null): boolean | null {
  let isUnknown = false;
  for (const value of values) {
    const truth = test(value);
    if (truth === true) return true;
    if (truth === null) isUnknown = true;
  }
  return isUnknown ? null : false;
}

/** Values of different kinds are unequal, and have no order; a null is unequal to anything else. */
function holds(operator: string, a: Json, b: Json): boolean | null {
  if (a === null || b === null) {
    if (a === b) return operator === '==' || operator === '<=' || operator === '>=';
    return operator === '!=';
  }
  if (typeof a !== typeof b || typeof a === 'object') return null;
  const order = typeof a === 'string' ? compareText(a, b as string) : Number(a) - Number(b);
  switch (operator) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    default:
      return order >= 0;
  }
}

function calculated(operator: string, a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    default:
      return a % b;
  }
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function everything(value: Json): readonly Json[] {
  if (Array.isArray(value)) return [value, ...value.flatMap(everything)];
  return isObject(value) ? [value, ...Object.values(value).flatMap(everything)] : [value];
}

function numberOf(value: Json, operator: string): number {
  if (typeof value === 'number') return value;
  throw wrong(`operand of jsonpath operator ${operator} is not a single numeric value`);
}

function methodOf(name: JsonPathMethod, value: Json): readonly Json[] {
  switch (name) {
    case 'type':
      return [value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value];
    case 'size':
      return [Array.isArray(value) ? value.length : 1];
    case 'keyvalue':
      if (!isObject(value)) throw wrong('jsonpath item method .keyvalue() can only be applied to an object');
      return Object.entries(value).map(([key, item]) => ({ key, value: item }));
    case 'double': {
      const number = typeof value === 'string' ? Number(value) : value;
      if (typeof number !== 'number' || !Number.isFinite(number) || value === '') {
        throw wrong('jsonpath item method .double() can only be applied to a string or numeric value');
      }
      return [number];
    }
    default: {
      if (typeof value !== 'number')
        throw wrong(`jsonpath item method .${name}() can only be applied to a numeric value`);
      return [name === 'abs' ? Math.abs(value) : name === 'floor' ? Math.floor(value) : Math.ceil(value)];
    }
  }
}

function patternOf(pattern: string, flags: string): (text: string) => boolean {
  const settled = { ...NO_FLAGS, pointStopsAtLine: !flags.includes('s'), anchorsAtLine: flags.includes('m') };
  const letters = withFlagLetters(settled, flags.replace(/[sm]/g, ''));
  if (letters === undefined) throw wrong(`invalid flag in like_regex: "${flags}"`);
  const search = new RegularExpressionSearch(pattern, letters);
  return (text) => {
    const points = Array.from(text, (point) => point.codePointAt(0)!);
    return search.find({ points, plain: points.length === text.length ? text : undefined }, 0) !== undefined;
  };
}
