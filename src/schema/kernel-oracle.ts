import { FORMATS } from './format.ts';
import type { JsonType, KernelField } from './kernel-field.ts';
import { pointerOf } from './keyword.ts';
import type { SchemaViolation } from './schema-error.ts';

/**
 * What {@link KernelField} means, over a parsed value: the definition that the kernel is tested against, and the way to
 * check values that are in JavaScript anyway.
 */
export function checkKernelFields(fields: readonly KernelField[], value: unknown): readonly SchemaViolation[] {
  const violations: SchemaViolation[] = [];
  for (const field of fields) {
    const keyword = violated(field, value);
    if (keyword === undefined) continue;
    violations.push({ pointer: pointerOf(field.path), keyword, message: `does not match "${keyword}"` });
  }
  return violations;
}

function violated(field: KernelField, root: unknown): string | undefined {
  let value = root;
  for (let i = 0; i < field.path.length; i++) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const name = field.path[i]!;
    if (!Object.hasOwn(value, name)) return i === field.path.length - 1 && field.required ? 'required' : undefined;
    value = (value as Record<string, unknown>)[name];
  }
  if (!isOfTypes(value, field.types)) return 'type';
  if (typeof value === 'number') return violatedByNumber(field, value);
  return typeof value === 'string' ? violatedByString(field, value) : undefined;
}

function isOfTypes(value: unknown, types: readonly JsonType[]): boolean {
  if (typeof value === 'number')
    return types.includes('number') || (types.includes('integer') && Number.isInteger(value));
  return types.includes(jsonTypeOf(value));
}

function jsonTypeOf(value: unknown): JsonType {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'boolean' : typeof value === 'string' ? 'string' : 'object';
}

function violatedByNumber({ constraint }: KernelField, value: number): string | undefined {
  if (constraint.minimum !== undefined && value < constraint.minimum) return 'minimum';
  if (constraint.exclusiveMinimum !== undefined && value <= constraint.exclusiveMinimum) return 'exclusiveMinimum';
  if (constraint.maximum !== undefined && value > constraint.maximum) return 'maximum';
  if (constraint.exclusiveMaximum !== undefined && value >= constraint.exclusiveMaximum) return 'exclusiveMaximum';
  return undefined;
}

function violatedByString({ constraint }: KernelField, value: string): string | undefined {
  if (constraint.strings !== undefined && !constraint.strings.includes(value)) return 'enum';
  if (constraint.minLength !== undefined || constraint.maxLength !== undefined) {
    const length = [...value].length;
    if (length < (constraint.minLength ?? 0)) return 'minLength';
    if (length > (constraint.maxLength ?? Number.POSITIVE_INFINITY)) return 'maxLength';
  }
  return constraint.format === undefined || FORMATS[constraint.format]!(value) ? undefined : 'format';
}
