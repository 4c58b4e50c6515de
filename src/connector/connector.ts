/** A source that brings records in from elsewhere, exactly once: its position is committed with the records. */
export interface SourceConnector {
  readonly name: string;
  /** Goes on where it was. Failures are retried or end in `status().error`; nothing is thrown. */
  start(): void;
  /** Resolves when bounded input has been read to its end and committed; never, when it has no end. */
  readonly done: Promise<void>;
  /** Stops reading; what was read is committed. */
  stop(): Promise<void>;
  status(): SourceStatus;
}

export interface SourceStatus {
  readonly state: 'starting' | 'running' | 'done' | 'failed' | 'stopped';
  readonly records: number;
  readonly refused: number;
  readonly error: Error | undefined;
}

/** A sink that takes the records of a topic elsewhere, in the order of each partition. */
export interface SinkConnector {
  readonly name: string;
  /** Goes on where it was. Failures are retried or end in `status().error`; nothing is thrown. */
  start(): void;
  /** Resolves when what the topic holds now has been delivered; rejects when the sink fails before. */
  drained(): Promise<void>;
  /** What was delivered is committed. */
  stop(): Promise<void>;
  status(): SinkStatus;
}

export interface SinkStatus {
  readonly state: 'starting' | 'running' | 'failed' | 'stopped';
  /** Delivered since the start of the process. */
  readonly records: number;
  /** Batches that the target has taken. */
  readonly deliveries: number;
  /** Attempts that were made again after a failure. */
  readonly retries: number;
  /** Whether attempts are made: `open` leaves a target that fails in a row alone, `half-open` tries it once. */
  readonly breaker: 'closed' | 'half-open' | 'open';
  /** Refused by the target, to dead letters. */
  readonly refused: number;
  /** In the topic, and neither delivered nor refused. */
  readonly lagRecords: number;
  /** The last failure, until something has been delivered again. */
  readonly error: Error | undefined;
}
