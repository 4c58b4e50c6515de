import type { RowError } from '../kernel/json-decoder.ts';
import type { KernelField } from '../schema/kernel-field.ts';
import { pointerOf } from '../schema/keyword.ts';

export interface RowRefusal {
  /** `malformed`, `utf8`, `depth` or `schema`. */
  readonly reason: string;
  readonly pointer: string | undefined;
  readonly message: string;
}

/** What the kernel's error code means to whoever sent the row. */
export function refusalOf(error: RowError, fields: ReadonlyMap<string, KernelField>, depthMax: number): RowRefusal {
  const at = `at byte ${error.position + 1}`;
  switch (error.reason) {
    case 'malformed':
      return { reason: 'malformed', pointer: undefined, message: `not valid JSON ${at}` };
    case 'utf8':
      return { reason: 'utf8', pointer: undefined, message: `not valid UTF-8 ${at}` };
    case 'depth':
      return { reason: 'depth', pointer: undefined, message: `nested deeper than ${depthMax} levels ${at}` };
    default: {
      const pointer = pointerOf(error.path ?? []);
      return { reason: 'schema', pointer, message: violation(error, fields.get(pointer)) };
    }
  }
}

function violation(error: RowError, field: KernelField | undefined): string {
  const limits = field?.constraint ?? {};
  switch (error.reason) {
    case 'missing':
      return `required property "${error.path?.at(-1) ?? ''}" is missing`;
    case 'null':
      return 'must not be null';
    case 'enum':
      return `must be one of ${(limits.strings ?? []).map((text) => JSON.stringify(text)).join(', ')}`;
    case 'minimum':
      return limits.exclusiveMinimum === undefined
        ? `must be >= ${limits.minimum}`
        : `must be > ${limits.exclusiveMinimum}`;
    case 'maximum':
      return limits.exclusiveMaximum === undefined
        ? `must be <= ${limits.maximum}`
        : `must be < ${limits.exclusiveMaximum}`;
    case 'min_length':
      return `must have at least ${limits.minLength} characters`;
    case 'max_length':
      return `must have at most ${limits.maxLength} characters`;
    case 'format':
      return `must be a ${limits.format ?? 'value of its format'}`;
    case 'type':
      return `must be ${(field?.types ?? []).join(' or ') || 'absent'}`;
    default:
      return `does not match the schema (${error.reason})`;
  }
}
