/** What the command line says to components that kill things at random. */
export interface ComponentFlags {
  /** Faults. */
  readonly rounds: number;
  readonly seed: number;
}
