import { HeadraceError } from '../base/error.ts';
import { coerce } from '../plan/coercion.ts';
import { userFunctionCall } from '../plan/expression-factory.ts';
import { pipelineOf } from '../plan/factory.ts';
import type { Pipeline, UserModule } from '../plan/node.ts';
import { deserializePipeline, serializePipeline } from '../plan/pipeline-text.ts';
import type { TypeKind } from '../plan/type-name.ts';
import { type CallSpec, callOptionsOf } from './call-spec.ts';
import type { ColumnType } from './column-type.ts';
import { type AnyOperand, operandOf, Value } from './value.ts';

/** Stands for the module that the pipeline itself is in, until {@link bindUserModule} knows its hash. */
export const OWN_MODULE = 'own-module';

/** What a user function gets for a column of a kind. */
export interface JavaScriptTypes {
  boolean: boolean;
  int2: number;
  int4: number;
  int8: bigint;
  float4: number;
  float8: number;
  numeric: { toString(): string; toNumber(): number };
  text: string;
  bytea: Uint8Array;
  uuid: string;
  date: number;
  time: bigint;
  timestamp: bigint;
  timestamptz: bigint;
  interval: unknown;
  jsonb: unknown;
  array: readonly unknown[];
}

/** Values of these types, as a user function gets them. */
export type Arguments<Types extends readonly ColumnType[]> = {
  [Index in keyof Types]: Types[Index] extends ColumnType<infer Kind> ? JavaScriptTypes[Kind] | null : never;
};
export type Operands<Types extends readonly ColumnType[]> = {
  [Index in keyof Types]: Types[Index] extends ColumnType<infer Kind>
    ? Value<Kind> | string | number | bigint | boolean
    : never;
};

/** Used in a pipeline with expressions, and by the engine with values. */
export interface UserFunction<Types extends readonly ColumnType[], Result extends TypeKind> {
  (...operands: Operands<Types>): Value<Result>;
  /** The function itself, on values; null for NULL. */
  readonly run: (...values: Arguments<Types>) => unknown;
}

/**
 * A scalar function in TypeScript: deterministic and synchronous unless `spec` says otherwise. Export it from the pipeline's file under `name`: the engine's workers find it there.
 *
 * @example
 * ```ts
 * export const shorten = udf('shorten', [t.text()], t.text(), (path) => path?.slice(0, 8) ?? null);
 * ```
 */
export function udf<const Types extends readonly [ColumnType, ...ColumnType[]], Result extends TypeKind>(
  name: string,
  types: Types,
  result: ColumnType<Result>,
  run: (...values: Arguments<Types>) => unknown,
  spec: CallSpec = {},
): UserFunction<Types, Result> {
  const options = callOptionsOf(spec, run);
  const called = (...operands: readonly AnyOperand[]): unknown => {
    if (!operands.some((operand) => operand instanceof Value)) return run(...(operands as unknown as Arguments<Types>));
    if (operands.length !== types.length) {
      throw new HeadraceError(`calling ${name}: it takes ${types.length} arguments, not ${operands.length}`, {
        code: 'PLAN_TYPE_MISMATCH',
        domain: 'plan',
      });
    }
    const args = operands.map((operand, index) => coerce(operandOf(operand), types[index]!.type));
    const declared = { name, module: OWN_MODULE, exportName: name, type: result.type, options };
    return new Value(userFunctionCall(declared, args));
  };
  return Object.assign(called, { run }) as unknown as UserFunction<Types, Result>;
}

/** Export names of the user functions in the pipeline's own file that it calls. */
export function ownFunctions(pipeline: Pipeline): readonly string[] {
  const names = new Set<string>();
  visitOwnFunctions(pipeline, (node) => {
    names.add(node.exportName);
    return node;
  });
  return [...names];
}

/** The pipeline with its own user functions bound to the bundle that holds them; unchanged when it has none. */
export function bindUserModule(pipeline: Pipeline, module: UserModule): Pipeline {
  if (ownFunctions(pipeline).length === 0) return pipeline;
  const bound = visitOwnFunctions(pipeline, (node) => ({ ...node, module: module.hash }));
  return pipelineOf({ ...bound, modules: [...bound.modules, module] });
}

interface FunctionNode {
  readonly exportName: string;
}

/** The same pipeline with what `replace` gives for each call of a function of the own module. */
function visitOwnFunctions(pipeline: Pipeline, replace: (node: FunctionNode) => object): Pipeline {
  const tree: unknown = JSON.parse(serializePipeline(pipeline), (_key, value: unknown) => {
    const node = value as ({ module?: unknown } & FunctionNode) | null;
    if (typeof node !== 'object' || node?.module !== OWN_MODULE || node.exportName === undefined) return value;
    return replace(node);
  });
  return deserializePipeline(JSON.stringify(tree));
}
