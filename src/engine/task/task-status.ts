import type { ExpressionReport } from '../operator/expression-report.ts';

/** What a task says of itself: plain data, to be sent by postMessage; event times (µs) as text. */
export interface TaskStatus {
  readonly epoch: number;
  readonly watermark: string | undefined;
  readonly operators: readonly {
    readonly id: string;
    readonly kind: string;
    readonly label: string;
    readonly rowsIn: number;
    readonly rowsOut: number;
    readonly watermark: string | undefined;
    /** The next event time at which it does something: closes a window, drops state. */
    readonly waitsFor: string | undefined;
    /** Rows that wait for answers from outside. */
    readonly waitingRows?: number;
    readonly stateKeys: number;
    readonly stateBytes: number;
    readonly busyMs: number;
    readonly expressions: readonly ExpressionReport[];
  }[];
  readonly edges: readonly { readonly from: string; readonly to: string; readonly rows: number }[];
  readonly lateRows: number;
  readonly duplicateRows: number;
  readonly forgottenRows: number;
}

/** One partition that a task reads. */
export interface InputStatus {
  /** Of the operator that reads it. */
  readonly operator: string;
  readonly topic: string;
  readonly partition: number;
  /** Next offset to be read, and the first that is not there yet. */
  readonly position: number;
  readonly end: number;
  /** Event time (µs) up to which its rows are taken to be complete. */
  readonly watermark: string | undefined;
  /** Silent for its idle time: it holds nothing back. */
  readonly idle: boolean;
  /** Milliseconds until it is idle if nothing comes; undefined when that is not in sight. */
  readonly idleInMs: number | undefined;
}

export type TaskReport = TaskStatus & {
  readonly inputs: readonly InputStatus[];
  /** Bytes that the kernel has handed out, for state and for the batch at hand. */
  readonly memoryBytes: number;
};
