import { nearestName } from '../../base/nearest-name.ts';
import { httpError } from './problem.ts';

export interface ParameterSpec {
  readonly in: 'path' | 'query';
  readonly type: 'string' | 'integer' | 'boolean';
  readonly description: string;
  readonly default?: string | number | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly string[];
  readonly example?: string | number;
}

export type ParameterSpecs = Readonly<Record<string, ParameterSpec>>;

type Primitive<Spec extends ParameterSpec> = Spec extends { readonly enum: readonly (infer Name extends string)[] }
  ? Name
  : Spec['type'] extends 'integer'
    ? number
    : Spec['type'] extends 'boolean'
      ? boolean
      : string;

type IsAlwaysThere<Spec> = Spec extends { readonly in: 'path' } | { readonly default: unknown } ? true : false;

/** Path parameters and those with a default are always there. */
export type ParameterValues<Specs extends ParameterSpecs> = {
  readonly [Name in keyof Specs]:
    | Primitive<Specs[Name]>
    | (IsAlwaysThere<Specs[Name]> extends true ? never : undefined);
};

/**
 * Values of a route's parameters. Unknown names are refused with the nearest right one: a misspelt `?ofset=` must not
 * silently start from the beginning.
 *
 * @throws HeadraceError `HTTP_PARAMETER_INVALID`
 */
export function parseParameters(
  specs: ParameterSpecs,
  path: Readonly<Record<string, string>>,
  query: string,
): Record<string, string | number | boolean | undefined> {
  const values: Record<string, string | number | boolean | undefined> = {};
  for (const name in specs) {
    const spec = specs[name]!;
    const text = spec.in === 'path' ? path[name] : undefined;
    values[name] = text === undefined ? spec.default : parseValue(name, spec, text);
  }
  if (query === '') return values;
  for (const [name, text] of new URLSearchParams(query)) {
    const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
    if (spec === undefined || spec.in !== 'query') throw unknownParameter(name, specs);
    values[name] = parseValue(name, spec, text);
  }
  return values;
}

function parseValue(name: string, spec: ParameterSpec, text: string): string | number | boolean {
  if (spec.type === 'boolean') {
    if (text === 'true' || text === 'false') return text === 'true';
    throw invalidParameter(name, text, 'true or false');
  }
  if (spec.type === 'integer') {
    const { minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER } = spec;
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= minimum && value <= maximum) return value;
    throw invalidParameter(name, text, `a whole number from ${minimum} to ${maximum}`);
  }
  if (spec.enum !== undefined && !spec.enum.includes(text)) {
    throw invalidParameter(name, text, `one of ${spec.enum.join(', ')}`);
  }
  return text;
}

function invalidParameter(name: string, text: string, wanted: string) {
  return httpError('HTTP_PARAMETER_INVALID', `reading parameter ${name}: "${text}" is not ${wanted}`, 'correct it');
}

function unknownParameter(name: string, specs: ParameterSpecs) {
  const names = Object.keys(specs).filter((n) => specs[n]!.in === 'query');
  const near = nearestName(name, names);
  const known = names.length === 0 ? 'this route takes none' : `it takes ${names.join(', ')}`;
  const next = near === undefined ? known : `did you mean "${near}"?`;
  return httpError('HTTP_PARAMETER_INVALID', `reading the query string: there is no parameter "${name}"`, next);
}
