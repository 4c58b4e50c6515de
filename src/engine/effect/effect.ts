import type { CallOptions } from '../../plan/call-options.ts';
import type { DataType } from '../../plan/data-type.ts';
import type { SourceColumn } from '../../plan/node.ts';

/** A question to the world outside of a task: one call for one row. Plain data, for journals and messages. */
export interface Ask {
  /** Which row's; numbered by the operator. */
  readonly slot: number;
  /** Position among the calls of the operator. */
  readonly call: number;
  /** Arguments as text (`valueToText`), null for NULL. */
  readonly args: readonly (string | null)[];
}

/** Values as text (`valueToText`), null for NULL; null for nothing found; a text says why the call failed. */
export type Answer = readonly (string | null)[] | null | string;

/** What a call came to: slot, call and answer. Journaled, so that a replay does not ask again. */
export type Effect = readonly [slot: number, call: number, answer: Answer];

/** Who answers the asks of one call of an operator. */
export type AskTarget =
  | {
      readonly kind: 'function';
      readonly name: string;
      readonly module: string;
      readonly exportName: string;
      readonly argTypes: readonly DataType[];
      readonly type: DataType;
      readonly options: CallOptions;
    }
  | {
      readonly kind: 'lookup';
      readonly name: string;
      readonly connector: string;
      readonly options: Readonly<Record<string, string>>;
      readonly keyTypes: readonly DataType[];
      readonly keyNames: readonly string[];
      readonly found: readonly SourceColumn[];
    };

/** The side of an operator that asks. Answers enter at the beginning of an epoch, and only there. */
export interface Asking {
  /** By the position of the call. */
  readonly targets: readonly AskTarget[];
  /** What enters with the epoch; of one that is replayed these are all effects that it had. */
  begin(effects: readonly Effect[], replay: boolean): void;
  /** What the epoch took from outside, for its journal record. */
  taken(): readonly Effect[];
  /** Calls that nobody was asked yet, in order. */
  asks(): readonly Ask[];
  /** Rows that wait. */
  readonly waiting: number;
  /** Too many rows wait: no input is to be read. */
  readonly isFull: boolean;
}
