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
