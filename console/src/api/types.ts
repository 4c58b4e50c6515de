/** What the console knows of the public API; times are milliseconds since the Unix epoch. */

export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The answer of `/api/v2/metrics`. */
export interface Metrics {
  readonly version: string | undefined;
  readonly project: string | undefined;
  readonly recordsPerSecond: number | undefined;
  readonly fsyncP99Ms: number | undefined;
  /** Second by second, from before the page was opened. */
  readonly history: readonly {
    readonly at: number;
    readonly recordsPerSecond: number;
    readonly processedPerSecond: number | undefined;
    readonly deadLettersPerSecond: number | undefined;
    readonly lagRecords: number | undefined;
    readonly latencyP50Ms: number | undefined;
    readonly latencyP99Ms: number | undefined;
    readonly fsyncP99Ms: number | undefined;
    readonly memoryBytes: number | undefined;
  }[];
  readonly samples: readonly MetricSample[];
}

export interface OperatorStatus {
  readonly id: string;
  readonly kind: string;
  readonly label: string;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly watermark: number | undefined;
  readonly stateKeys: number;
  readonly stateBytes: number;
}

export interface EdgeStatus {
  readonly from: string;
  readonly to: string;
  readonly rows: number;
}

export interface PipelineStatus {
  readonly name: string;
  readonly state: string;
  /** Another version that is built beside it, and how many records that has left. */
  readonly building?: { readonly version: number; readonly lagRecords: number } | undefined;
  readonly epoch: number;
  readonly error: string | undefined;
  readonly lagRecords: number;
  readonly watermark: number | undefined;
  readonly operators: readonly OperatorStatus[];
  readonly edges: readonly EdgeStatus[];
  readonly lateRows: number;
  readonly duplicateRows: number;
  readonly epochMs: { readonly p50: number | undefined; readonly p99: number | undefined };
  readonly stateBytes: number;
  readonly stateKeys: number;
  readonly snapshotEpoch: number | undefined;
}

export interface ColumnInfo {
  readonly name: string;
  readonly type: string;
}

export interface Freshness {
  readonly asOf: number | undefined;
  readonly watermark: number | undefined;
  readonly lagRecords: number | undefined;
  readonly commit: number | undefined;
}

export interface TableInfo {
  readonly name: string;
  readonly columns: readonly ColumnInfo[];
  readonly keyColumns: readonly string[];
  readonly rows: number | undefined;
  readonly freshness: Freshness;
}

export interface TopicInfo {
  readonly name: string;
  readonly kind: string | undefined;
  readonly partitions: number;
  readonly records: number | undefined;
  readonly bytes: number | undefined;
  readonly retention: string | undefined;
  /** Pipeline that writes it; undefined for topics that clients write. */
  readonly writtenBy: string | undefined;
  readonly readBy: readonly string[];
  /** An event that it takes, quoted for a POSIX shell. */
  readonly sampleEvent: string | undefined;
}

export type Row = Readonly<Record<string, unknown>>;

export interface LiveFrame {
  readonly op: 'snapshot' | 'upsert' | 'delete' | 'append' | 'caught-up';
  readonly key: string | null;
  readonly row: Row | null;
  readonly offset: string;
}

export interface DeadLetter {
  readonly id: string;
  readonly topic: string;
  readonly reason: string;
  readonly pointer: string | undefined;
  readonly message: string;
  readonly pipeline: string | undefined;
  readonly operator: string | undefined;
  readonly receivedAt: number | undefined;
  /** `topic-partition@offset` of the record itself, when it had been in the log. */
  readonly origin: string | undefined;
  readonly bytes: Uint8Array;
}

export type AlertState = 'pending' | 'firing' | 'resolved';

export interface Alert {
  readonly id: string;
  readonly rule: string;
  readonly view: string;
  readonly state: AlertState;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly summary: string;
  readonly keys: Row;
  readonly row: Row;
  readonly pendingSince: number | undefined;
  readonly firingSince: number | undefined;
  readonly resolvedAt: number | undefined;
}

export interface QueryResult {
  readonly columns: readonly ColumnInfo[];
  readonly rows: readonly (readonly unknown[])[];
  readonly freshness: Freshness;
  readonly elapsedMs: number | undefined;
  readonly truncated: boolean;
}
