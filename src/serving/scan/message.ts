import type { ErrorDomain } from '../../base/error.ts';
import type { LogView } from '../../log/log.ts';
import type { SourceColumn } from '../../plan/node.ts';
import type { RowsBlock } from './row-collector.ts';
import type { ScanPartial } from './scan-partial.ts';
import type { ScanRange } from './scan-range.ts';

/** Words of the memory that the threads of one scan share. */
export const CONTROL = { nextRange: 0, stop: 1, blocksSent: 2, blocksTaken: 3 } as const;
export const CONTROL_BYTES = 16;

/** To a scanning thread. */
export interface ScanJob {
  readonly id: number;
  readonly view: LogView;
  readonly topic: string;
  readonly fields: readonly SourceColumn[];
  /** `serializePlan` of an aggregate, whose parts are answered; or of the top of a chain, perhaps sorted, whose rows are. */
  readonly plan: string;
  /** Of a chain: the columns of its top that are wanted. Undefined for an aggregate. */
  readonly wanted: readonly number[] | undefined;
  /** Of a sorted chain: so many of the first rows are wanted. */
  readonly best: number | undefined;
  readonly nowMs: number;
  readonly ranges: readonly ScanRange[];
  readonly control: SharedArrayBuffer;
}

/** From a scanning thread: blocks of rows, then how it ended. */
export type ScanMessage = { readonly kind: 'rows'; readonly id: number; readonly block: RowsBlock } | ScanReport;

export type ScanReport =
  | { readonly kind: 'done'; readonly id: number; readonly partials: readonly ScanPartial[]; readonly newestMs: number }
  | {
      readonly kind: 'failed';
      readonly id: number;
      readonly code: string;
      readonly domain: ErrorDomain;
      readonly message: string;
      readonly retryable: boolean;
    };
