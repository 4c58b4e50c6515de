import { nearestName } from '../../base/nearest-name.ts';
import { httpError } from './problem.ts';

/** Reads the members of a JSON body; a member that is not among `known` is refused with the nearest right name. */
export class JsonShape {
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(value: unknown, known: readonly string[]) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw invalid('the body', 'a JSON object');
    }
    for (const name of Object.keys(value)) {
      if (known.includes(name)) continue;
      const near = nearestName(name, known);
      const next = near === undefined ? `it may hold ${known.join(', ')}` : `did you mean "${near}"?`;
      throw httpError('HTTP_BODY_INVALID', `reading the body: there is no member "${name}"`, next);
    }
    this.#members = value as Readonly<Record<string, unknown>>;
  }

  has(name: string): boolean {
    return this.#members[name] !== undefined;
  }

  value(name: string): unknown {
    return this.#members[name];
  }

  text(name: string): string | undefined {
    const value = this.#members[name];
    if (value === undefined || typeof value === 'string') return value;
    throw invalid(`"${name}"`, 'a string');
  }

  requiredText(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === '') throw invalid(`"${name}"`, 'there');
    return value;
  }

  choice<Name extends string>(name: string, names: readonly Name[]): Name | undefined {
    const value = this.text(name);
    const chosen = names.find((candidate) => candidate === value);
    if (value !== undefined && chosen === undefined) throw invalid(`"${name}"`, `one of ${names.join(', ')}`);
    return chosen;
  }

  whole(name: string, minimum: number, maximum: number): number | undefined {
    const value = this.#members[name];
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum) return value;
    throw invalid(`"${name}"`, `a whole number from ${minimum} to ${maximum}`);
  }

  texts(name: string): readonly string[] | undefined {
    const value = this.#members[name];
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((item): item is string => typeof item === 'string')) return value;
    throw invalid(`"${name}"`, 'an array of strings');
  }
}

function invalid(what: string, wanted: string) {
  return httpError(
    'HTTP_BODY_INVALID',
    `reading the body: ${what} is not ${wanted}`,
    'correct it; /api/v2/openapi.json has the shape',
  );
}
