/**
 * What `headrace` is to a pipeline's file inside a worker: the pipeline was made when the project was read, only the user
 * functions run there. So a function is itself, and everything else makes a value that takes any use and does nothing.
 *
 * The bundle of a pipeline's functions holds this file instead of the builder: its hash, by which state is kept, changes
 * with the user's code alone. Keep it free of imports, and change it as seldom as the format of the journal.
 */

const nothing = (): unknown => inert;

const inert: unknown = new Proxy(function target() {}, {
  get(_target, name) {
    if (name === Symbol.toPrimitive) return () => '';
    if (name === Symbol.iterator) return () => [][Symbol.iterator]();
    return name === 'then' ? undefined : inert;
  },
  apply: nothing,
  construct: () => inert as object,
});

export const udf = (_name: string, _types: unknown, _result: unknown, run: (...values: unknown[]) => unknown) => run;
export const udtf = (_name: string, _types: unknown, _columns: unknown, run: (...values: unknown[]) => unknown) => run;
export const udaf = (_name: string, _types: unknown, _result: unknown, parts: object) => parts;

export const Aggregate = inert;
export const ColumnType = inert;
export const Grouped = inert;
export const PipelineBuilder = inert;
export const SortOrder = inert;
export const TableCall = inert;
export const Stream = inert as new () => unknown;
export const Value = inert;
export const WindowValue = inert;
export const WindowedStream = inert;
export const over = inert;
export const pairs = inert;
export const t = inert;

export const asc = nothing;
export const avg = nothing;
export const bindUserModule = nothing;
export const cases = nothing;
export const count = nothing;
export const countDistinct = nothing;
export const desc = nothing;
export const fn = nothing;
export const fromView = nothing;
export const isPipeline = nothing;
export const lookup = nothing;
export const max = nothing;
export const min = nothing;
export const pipeline = nothing;
export const source = nothing;
export const sum = nothing;
export const text = nothing;
export const anything = nothing;
export const either = nothing;
export const none = nothing;
export const oneOrMore = nothing;
export const optional = nothing;
export const sequence = nothing;
export const times = nothing;
export const zeroOrMore = nothing;
export const anyValue = nothing;
export const approxCountDistinct = nothing;
export const approxPercentile = nothing;
export const argMax = nothing;
export const argMin = nothing;
export const arrayAgg = nothing;
export const bitAnd = nothing;
export const bitOr = nothing;
export const bitXor = nothing;
export const boolAnd = nothing;
export const boolOr = nothing;
export const countIf = nothing;
export const firstValue = nothing;
export const jsonbAgg = nothing;
export const jsonbObjectAgg = nothing;
export const lastValue = nothing;
export const mode = nothing;
export const percentileCont = nothing;
export const percentileDisc = nothing;
export const stddevPop = nothing;
export const stddevSamp = nothing;
export const stringAgg = nothing;
export const varPop = nothing;
export const varSamp = nothing;
