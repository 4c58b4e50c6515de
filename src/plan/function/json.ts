import { jsonbText } from '../value-text.ts';
import { type FunctionOverload, overload } from './overload.ts';

/** JSON null and SQL NULL are one value here: a member that is null in the document reads as NULL. */
function member(json: unknown, key: string): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json) || !Object.hasOwn(json, key)) return null;
  return (json as Readonly<Record<string, unknown>>)[key] ?? null;
}

function element(json: unknown, index: number): unknown {
  if (!Array.isArray(json)) return null;
  return (json as readonly unknown[])[index < 0 ? json.length + index : index] ?? null;
}

function follow(json: unknown, path: readonly unknown[]): unknown {
  let current = json;
  for (const step of path) {
    if (step === null || current === null) return null;
    const text = String(step);
    current = Array.isArray(current)
      ? /^-?\d+$/.test(text)
        ? element(current, Number(text))
        : null
      : member(current, text);
  }
  return current;
}

/** A string without quotes, anything else as JSON text. */
function asText(json: unknown): string | null {
  if (json === null || json === undefined) return null;
  return typeof json === 'string' ? json : jsonbText(json);
}

function jsonType(json: unknown): string {
  if (Array.isArray(json)) return 'array';
  return json === null ? 'null' : typeof json;
}

/** The jsonb operators: `json_get` is `->`, `json_get_text` is `->>`, `json_path` is `#>`, `json_path_text` is `#>>`. */
export const JSON_FUNCTIONS: readonly FunctionOverload[] = [
  overload('json_get', ['jsonb', 'text'], 'jsonb', member),
  overload('json_get', ['jsonb', 'int4'], 'jsonb', element),
  overload('json_get_text', ['jsonb', 'text'], 'text', (json: unknown, key: string) => asText(member(json, key))),
  overload('json_get_text', ['jsonb', 'int4'], 'text', (json: unknown, index: number) => asText(element(json, index))),
  overload(
    'json_path',
    ['jsonb', 'text'],
    'jsonb',
    (json: unknown, ...path: readonly unknown[]) => follow(json, path),
    {
      variadic: true,
    },
  ),
  overload(
    'json_path_text',
    ['jsonb', 'text'],
    'text',
    (json: unknown, ...path: readonly unknown[]) => asText(follow(json, path)),
    { variadic: true },
  ),
  overload('jsonb_typeof', ['jsonb'], 'text', jsonType),
  overload('jsonb_array_length', ['jsonb'], 'int4', (json: unknown) => (Array.isArray(json) ? json.length : null)),
];
