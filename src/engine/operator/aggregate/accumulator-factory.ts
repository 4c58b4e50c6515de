import { HeadraceError } from '../../../base/error.ts';
import { aggregateSpec } from '../../../plan/aggregate/aggregate-catalog.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import { TYPE } from '../../../plan/type-name.ts';
import type { ExpressionContext } from '../row-evaluator.ts';
import { type Accumulator, accumulatorInputs } from './accumulator.ts';
import { BitAccumulator, BooleanAccumulator } from './bit-accumulator.ts';
import { CountAccumulator } from './count-accumulator.ts';
import { deviationFactory } from './deviation-accumulator.ts';
import { DistinctAccumulator, FallibleDistinctAccumulator } from './distinct-accumulator.ts';
import { extremeFactory } from './extreme-accumulator.ts';
import { listFactory } from './list-accumulator.ts';
import { orderedSetFactory } from './percentile-accumulator.ts';
import { regressionFactory } from './regression-accumulator.ts';
import { sketchFactory } from './sketch-accumulator.ts';
import { sumFactory } from './sum-accumulator.ts';
import { userFactory } from './user-accumulator.ts';

/**
 * Makes accumulators of one aggregate call: all that are made here number the rows that come in one sequence. `appendOnly`: no row is
 * ever taken back.
 */
export function accumulatorFactory(
  call: AggregateCall,
  appendOnly: boolean,
  userFunction?: ExpressionContext['userFunction'],
): () => Accumulator {
  const inner = call.function === 'user' ? userDefined(call, appendOnly, userFunction) : innerFactory(call, appendOnly);
  if (!call.distinct || call.argument === undefined) return inner;
  const types = accumulatorInputs(call).map((input) => input.type);
  return () => {
    const one = inner();
    return one.checkpoint === undefined
      ? new DistinctAccumulator(types, one)
      : new FallibleDistinctAccumulator(types, one);
  };
}

function userDefined(
  call: AggregateCall,
  appendOnly: boolean,
  userFunction: ExpressionContext['userFunction'] | undefined,
): () => Accumulator {
  if (userFunction === undefined) throw unsupported(call.user?.name ?? 'a user-defined aggregate');
  return userFactory(call, appendOnly, userFunction);
}

function innerFactory(call: AggregateCall, appendOnly: boolean): () => Accumulator {
  const type = call.argument?.type ?? TYPE.boolean;
  switch (call.function) {
    case 'count':
      return () => new CountAccumulator();
    case 'sum':
    case 'avg':
      return sumFactory(call);
    case 'min':
    case 'max':
      return extremeFactory(call, type, appendOnly);
    case 'bool_and':
    case 'bool_or':
      return () => new BooleanAccumulator(call.function === 'bool_and');
    case 'bit_and':
    case 'bit_or':
    case 'bit_xor':
      return () => new BitAccumulator(call);
    case 'string_agg':
    case 'array_agg':
    case 'jsonb_agg':
    case 'jsonb_object_agg':
    case 'first_value':
    case 'last_value':
      return listFactory(call, appendOnly);
    case 'var_pop':
    case 'var_samp':
    case 'stddev_pop':
    case 'stddev_samp':
      return deviationFactory(call);
    case 'percentile_cont':
    case 'percentile_disc':
    case 'mode':
      return orderedSetFactory(call, type);
    case 'approx_count_distinct':
    case 'approx_percentile':
      return sketchFactory(call, type, appendOnly);
    default:
      if (aggregateSpec(call.function)?.shape === 'two') return regressionFactory(call);
      throw unsupported(call.function);
  }
}

function unsupported(name: string): HeadraceError {
  return new HeadraceError(`planning ${name}: no engine for it`, {
    code: 'ENGINE_AGGREGATE_UNSUPPORTED',
    domain: 'engine',
  });
}
