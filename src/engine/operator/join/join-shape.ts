import type { JoinKind, JoinNode } from '../../../plan/node.ts';
import type { JoinCondition } from '../../../plan/optimizer/join-condition.ts';
import { later } from '../batch.ts';
import type { EmitMoment } from '../operator.ts';

/** When rows of one side are forgotten: once the watermark is past their time by more than `keepUs`. */
export interface Expiry {
  /** Column of the side that has the time; undefined: the event time of the row (its receipt, without one). */
  readonly column: number | undefined;
  readonly keepUs: bigint;
  /** Rows are forgotten together when they are of one bucket: up to so much later. */
  readonly bucketUs: bigint;
}

/** What a kind of join does with the rows of one side. */
export interface SideShape {
  /** A row that meets nothing stands in the result alone (with nulls for the other side, if that is part of it). */
  readonly unmet: boolean;
  /** A row stands in the result alone, once, when it meets something. */
  readonly met: boolean;
  readonly expiry: Expiry | undefined;
  /**
   * How far rows may lie behind the watermark; older ones might have met what was forgotten, and are late. Undefined: nothing is late.
   */
  readonly lagUs: bigint | undefined;
  /** Column of the side by which that is judged. */
  readonly timeColumn: number | undefined;
}

export interface JoinShape {
  readonly sides: readonly [SideShape, SideShape];
  /** Pairs are rows of the result. */
  readonly pairs: boolean;
  /** Rows that meet nothing are emitted when they are forgotten, and not before. */
  readonly unmetAtEnd: boolean;
  /** How far behind the watermark rows of the result may lie. */
  readonly holdUs: bigint;
}

const BUCKET_US_MIN = 1_000_000n;
/** A bucket is this part of how long rows are kept. */
const BUCKET_PART = 64n;

const UNMET: Readonly<Record<JoinKind, readonly [boolean, boolean]>> = {
  inner: [false, false],
  cross: [false, false],
  left: [true, false],
  right: [false, true],
  full: [true, true],
  semi: [false, false],
  anti: [true, false],
};

export function joinShape(node: JoinNode, { span }: JoinCondition, emit: EmitMoment): JoinShape {
  const ttlUs = node.ttlMs === undefined ? undefined : BigInt(node.ttlMs) * 1000n;
  const keep = [
    span?.least === undefined ? undefined : span.rightLag - span.least,
    span?.most === undefined ? undefined : span.leftLag + span.most,
  ] as const;
  const lags = [span?.leftLag, span?.rightLag] as const;
  const side = (at: 0 | 1): SideShape => {
    const column = at === 0 ? span?.left : span?.right;
    const other = keep[at === 0 ? 1 : 0];
    // What was forgotten by time-to-live alone makes nothing late.
    const judges = other !== undefined && (ttlUs === undefined || ttlUs >= other);
    return {
      unmet: UNMET[node.join][at],
      met: node.join === 'semi' && at === 0,
      expiry: expiryOf(column, keep[at], lags[at], ttlUs),
      lagUs: judges ? lags[at] : undefined,
      timeColumn: column,
    };
  };
  const sides = [side(0), side(1)] as const;
  const unmetAtEnd = emit === 'final' && sides.every(({ unmet, expiry }) => !unmet || expiry !== undefined);
  const holds = sides.map(({ expiry, unmet }, at) => {
    if (keep[at] === undefined) return 0n;
    const wait = unmet && unmetAtEnd ? (expiry?.bucketUs ?? 1n) - 1n : 0n;
    return keep[at] - lags[at]! + wait;
  });
  return {
    sides,
    pairs: node.join !== 'semi' && node.join !== 'anti',
    unmetAtEnd,
    holdUs: holds.reduce((most, hold) => later(most, hold), 0n),
  };
}

function expiryOf(
  column: number | undefined,
  keepUs: bigint | undefined,
  lagUs: bigint | undefined,
  ttlUs: bigint | undefined,
): Expiry | undefined {
  const byTime = keepUs !== undefined && (ttlUs === undefined || keepUs <= ttlUs);
  if (byTime) {
    // Ends and starts of windows are few: each has its own bucket, so that it is left when it ends.
    const bucketUs = lagUs === 0n ? bucketOf(keepUs) : 1n;
    return { column, keepUs, bucketUs };
  }
  return ttlUs === undefined ? undefined : { column: undefined, keepUs: ttlUs, bucketUs: bucketOf(ttlUs) };
}

function bucketOf(keepUs: bigint): bigint {
  const part = keepUs / BUCKET_PART;
  return part > BUCKET_US_MIN ? part : BUCKET_US_MIN;
}
