import { formatDurationUs } from '../base/duration.ts';
import type { InputStatus, OperatorStatus, PipelineStatus } from './engine.ts';

/** What an operator waits for, and who keeps it waiting. */
export interface Wait {
  readonly operator: string;
  readonly label: string;
  /** One sentence each: the operator's, then one for every partition that holds it back. */
  readonly reasons: readonly string[];
}

/**
 * What the windows and joins of a pipeline wait for: the event time at which each has something to do, how far event time has come,
 * and which partitions keep it from going on. Only operators that wait are named.
 */
export function explainWaits(status: PipelineStatus): readonly Wait[] {
  return status.operators
    .filter(({ waitsFor, waitingRows = 0 }) => waitsFor !== undefined || waitingRows > 0)
    .map((operator) => ({ operator: operator.id, label: operator.label, reasons: allReasons(operator, status) }));
}

function allReasons(operator: OperatorStatus, status: PipelineStatus): readonly string[] {
  const own = operator.waitsFor === undefined ? [] : reasonsOf(operator, status);
  const { waitingRows = 0 } = operator;
  if (waitingRows === 0) return own;
  return [...own, `event time does not pass the rows that wait for results of calls: ${waitingRows} of them`];
}

function reasonsOf(operator: OperatorStatus, status: PipelineStatus): readonly string[] {
  const { waitsFor, watermark } = operator;
  const until = instant(waitsFor!);
  if (watermark === undefined) {
    return [`it waits for event time ${until}, and event time has not begun`, ...inputReasons(operator, status)];
  }
  const distance = formatDurationUs(waitsFor! - watermark);
  return [
    `it waits for event time ${until}; event time has come to ${instant(watermark)}, ${distance} before`,
    ...inputReasons(operator, status),
    ...callReasons(operator, status),
  ];
}

/** Operators below whose rows wait for results: event time does not pass these. */
function callReasons(operator: OperatorStatus, status: PipelineStatus): string[] {
  const below = operatorsBelow(operator, status);
  return status.operators
    .filter(({ id, waitingRows = 0 }) => id !== operator.id && below.has(id) && waitingRows > 0)
    .map(({ id, waitingRows }) => `${id} holds rows that wait for results of calls: ${waitingRows} of them`);
}

function operatorsBelow({ id }: OperatorStatus, { operators, edges }: PipelineStatus): ReadonlySet<string> {
  const below = new Set([id]);
  for (const _ of operators) for (const { from, to } of edges) if (below.has(to)) below.add(from);
  return below;
}

/** The partitions below the operator whose watermark is not beyond what it waits for. */
function inputReasons(operator: OperatorStatus, status: PipelineStatus): string[] {
  const below = operatorsBelow(operator, status);
  return status.inputs
    .filter((input) => below.has(input.operator) && (input.watermark ?? 0n) < operator.waitsFor!)
    .map((input) => `${input.topic}/${input.partition} ${inputReason(input)}`);
}

function inputReason({ position, end, watermark, idle, idleInMs }: InputStatus): string {
  const time = watermark === undefined ? 'has had no event time' : `has come to ${instant(watermark)}`;
  if (position < end) return `${time}, with ${end - position} records still to be read`;
  if (idle) return `${time} and is idle: event time goes on with the clock once all partitions are`;
  if (idleInMs !== undefined) {
    return `${time} and has been read to its end; if nothing comes it is idle in ${formatDurationUs(BigInt(idleInMs) * 1000n)}`;
  }
  return `${time} and has been read to its end: it waits for newer events`;
}

function instant(time: bigint): string {
  return new Date(Number(time / 1000n)).toISOString();
}
