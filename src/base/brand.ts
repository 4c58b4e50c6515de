declare const brand: unique symbol;

/** A primitive that carries its meaning, so that an offset cannot be passed where an epoch is wanted. */
export type Brand<Primitive, Name extends string> = Primitive & { readonly [brand]: Name };

/** Position of a record in a partition, from 0. Safe up to 2^53. */
export type Offset = Brand<number, 'Offset'>;
/** Number of an engine epoch, from 1. */
export type Epoch = Brand<number, 'Epoch'>;
/** Number of a round of the commit log, from 1. */
export type CommitNumber = Brand<number, 'CommitNumber'>;
/** Milliseconds since the Unix epoch. */
export type TimestampMs = Brand<number, 'TimestampMs'>;
/** Microseconds since the Unix epoch: the resolution of event time (PostgreSQL's). */
export type TimestampUs = Brand<bigint, 'TimestampUs'>;

export const offset = (value: number): Offset => value as Offset;
export const epoch = (value: number): Epoch => value as Epoch;
export const commitNumber = (value: number): CommitNumber => value as CommitNumber;
export const timestampMs = (value: number): TimestampMs => value as TimestampMs;
export const timestampUs = (value: bigint): TimestampUs => value as TimestampUs;
