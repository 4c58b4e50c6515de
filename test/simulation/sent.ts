/** `unknown`: no answer came; all of it happened or nothing. */
export type Outcome = 'pending' | 'done' | 'refused' | 'unknown';

export interface SentPart {
  readonly topic: string;
  readonly values: readonly string[];
  /** Where the first is; undefined as long as nobody was told. */
  place: { readonly partition: number; readonly offset: number } | undefined;
}

/** What somebody sent in one commit, and what that somebody was told of it. */
export interface Sent {
  readonly parts: SentPart[];
  /** Records of it that belong in dead letters. */
  readonly letters: readonly string[];
  outcome: Outcome;
}
