/** Name of the dead-letter topic; its records are {@link DeadLetter} as JSON. */
export const DEAD_LETTER_TOPIC = '_dead_letters';

/** The value of a dead-letter record. */
export interface DeadLetter {
  /** Topic that the record was meant for. */
  readonly topic: string;
  /** Partition and offset, when it had been in the log. */
  readonly partition?: number;
  readonly offset?: number;
  /** `malformed`, `schema`, `late`, `future`, `expression`, `user-function`, ... */
  readonly reason: string;
  readonly pointer?: string;
  readonly message: string;
  /** Pipeline and operator, when it came from the engine. */
  readonly pipeline?: string;
  readonly operator?: string;
  /** Milliseconds since the Unix epoch. */
  readonly receivedAt: number;
  /** The row that an earlier letter holds was taken back: the two cancel out. */
  readonly retracts?: true;
  /** The bytes as text when they are valid UTF-8, else undefined and `base64` set. */
  readonly value?: string;
  readonly base64?: string;
}
