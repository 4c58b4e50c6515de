import { evaluationError } from '../evaluation-error.ts';
import { canonicalJson } from '../value/value-order.ts';

type JsonObject = Readonly<Record<string, unknown>>;

const invalid = (message: string): Error => evaluationError('PLAN_INVALID_ARGUMENT', message);

function isObject(json: unknown): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/** PostgreSQL's `@>` (its manual, section 8.14.3): an array contains what its elements do, and a bare value that is one of them. */
export function contains(json: unknown, part: unknown): boolean {
  if (Array.isArray(json) && !isObject(part) && !Array.isArray(part)) return json.some((item) => isSame(item, part));
  return containsInside(json, part);
}

function containsInside(json: unknown, part: unknown): boolean {
  if (Array.isArray(part)) {
    return Array.isArray(json) && part.every((wanted) => json.some((item) => containsInside(item, wanted)));
  }
  if (isObject(part)) {
    return (
      isObject(json) &&
      Object.entries(part).every(([key, wanted]) => Object.hasOwn(json, key) && containsInside(json[key], wanted))
    );
  }
  return isSame(json, part);
}

const isSame = (a: unknown, b: unknown): boolean => canonicalJson(a) === canonicalJson(b);

/** Without these keys, or, of an array, these texts; or without the element of an index. */
export function without(json: unknown, keys: readonly (string | null)[] | number): unknown {
  if (typeof json !== 'object' || json === null) throw invalid('cannot delete from scalar');
  if (typeof keys === 'number') {
    if (!Array.isArray(json)) throw invalid('cannot delete from object using integer index');
    const at = keys < 0 ? json.length + keys : keys;
    return json.filter((_, index) => index !== at);
  }
  if (Array.isArray(json)) return json.filter((item) => !keys.includes(item as string));
  return Object.fromEntries(Object.entries(json).filter(([key]) => !keys.includes(key)));
}

/** Without nulls in objects, at any depth. */
export function withoutNulls(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(withoutNulls);
  if (!isObject(json)) return json;
  return Object.fromEntries(
    Object.entries(json)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [key, withoutNulls(value)]),
  );
}

/** What becomes of the member or element that a path leads to; undefined to leave all as it is. */
type Change = (container: unknown[] | Record<string, unknown>, step: string, depth: number) => void;

function changed(json: unknown, path: readonly (string | null)[], depth: number, change: Change): unknown {
  const step = path[depth];
  if (step === null) throw invalid(`path element at position ${depth + 1} is null`);
  if (step === undefined || typeof json !== 'object' || json === null) return json;
  const copy = Array.isArray(json) ? [...(json as unknown[])] : { ...(json as JsonObject) };
  if (depth === path.length - 1) {
    change(copy, step, depth);
    return copy;
  }
  if (Array.isArray(copy)) {
    const index = indexOf(copy, step, depth);
    if (index < 0 || index >= copy.length) return json;
    copy[index] = changed(copy[index], path, depth + 1, change);
  } else {
    if (!Object.hasOwn(copy, step)) return json;
    copy[step] = changed(copy[step], path, depth + 1, change);
  }
  return copy;
}

/** Negative ones count from the end, and may come out below 0. */
function indexOf(array: readonly unknown[], step: string, depth: number): number {
  if (!/^\s*[+-]?\d+\s*$/.test(step)) {
    throw evaluationError('PLAN_INVALID_TEXT', `path element at position ${depth + 1} is not an integer: "${step}"`);
  }
  const index = Number(step);
  return index < 0 ? array.length + index : index;
}

function checkContainer(json: unknown, what: string): void {
  if (typeof json !== 'object' || json === null) throw invalid(`cannot ${what} in scalar`);
}

/** PostgreSQL's jsonb_set: what is missing at the end of the path is made if asked for. */
export function setAt(json: unknown, path: readonly string[], value: unknown, create = true): unknown {
  checkContainer(json, 'set path');
  return changed(json, path, 0, (container, step, depth) => {
    if (!Array.isArray(container)) {
      if (create || Object.hasOwn(container, step)) container[step] = value;
      return;
    }
    const index = indexOf(container, step, depth);
    if (index >= 0 && index < container.length) container[index] = value;
    else if (create && index < 0) container.unshift(value);
    else if (create) container.push(value);
  });
}

/** PostgreSQL's jsonb_insert: before or behind an element, or a member that is not there yet. */
export function insertAt(json: unknown, path: readonly string[], value: unknown, after = false): unknown {
  checkContainer(json, 'set path');
  return changed(json, path, 0, (container, step, depth) => {
    if (!Array.isArray(container)) {
      if (Object.hasOwn(container, step)) throw invalid('cannot replace existing key');
      container[step] = value;
      return;
    }
    const index = indexOf(container, step, depth);
    if (index < 0) container.unshift(value);
    else if (index >= container.length) container.push(value);
    else container.splice(after ? index + 1 : index, 0, value);
  });
}

/** PostgreSQL's `#-`. */
export function deletePath(json: unknown, path: readonly string[]): unknown {
  checkContainer(json, 'delete path');
  return changed(json, path, 0, (container, step, depth) => {
    if (Array.isArray(container)) {
      const index = indexOf(container, step, depth);
      if (index >= 0 && index < container.length) container.splice(index, 1);
    } else delete container[step];
  });
}
