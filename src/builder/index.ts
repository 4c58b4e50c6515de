/** The package's main export: pipelines in TypeScript. */

export { isPipeline } from '../plan/factory.ts';
export type { Pipeline } from '../plan/node.ts';
export {
  Aggregate,
  avg,
  bitAnd,
  bitOr,
  bitXor,
  boolAnd,
  boolOr,
  count,
  countDistinct,
  countIf,
  max,
  min,
  sum,
} from './aggregate.ts';
export type { CallSpec } from './call-spec.ts';
export { ColumnType, t } from './column-type.ts';
export {
  anyValue,
  argMax,
  argMin,
  arrayAgg,
  firstValue,
  jsonbAgg,
  jsonbObjectAgg,
  lastValue,
  stringAgg,
} from './gathering-aggregate.ts';
export type { AsOfOptions, JoinOptions } from './join.ts';
export { type Lookup, type LookupKeys, lookup } from './lookup.ts';
export {
  anything,
  either,
  type MatchOptions,
  type MatchView,
  none,
  oneOrMore,
  optional,
  type Pattern,
  type RepeatOptions,
  sequence,
  times,
  zeroOrMore,
} from './pattern.ts';
export { type AlertSpec, PipelineBuilder, pipeline, type View } from './pipeline.ts';
export type { Row, Shape } from './row.ts';
export { asc, desc, type NullsOption, SortOrder } from './sort-order.ts';
export {
  approxCountDistinct,
  approxPercentile,
  mode,
  pairs,
  percentileCont,
  percentileDisc,
  stddevPop,
  stddevSamp,
  varPop,
  varSamp,
} from './statistic-aggregate.ts';
export { fromView, Grouped, Stream, source, WindowedStream } from './stream.ts';
export { TableCall, type UserTableFunction, udtf } from './table-function.ts';
export { type AggregateParts, type UserAggregate, udaf } from './user-aggregate.ts';
export { bindUserModule, type UserFunction, udf } from './user-function.ts';
export { cases, fn, text, Value } from './value.ts';
export { type Frame, type FrameEdge, over, WindowValue } from './window-function.ts';
