/** A text that a function makes may have at most so many code points (PostgreSQL's limit is 1 GB). */
export const TEXT_LENGTH_MAX = 10_000_000;

/** Items that a function may put into an array. */
export const ITEMS_MAX = 1_000_000;

/** Compiled patterns, formats and paths that are kept, so that a constant one is compiled once. */
export const COMPILED_KEPT_MAX = 256;

/** The largest argument of factorial: its result has as many digits as a numeric may. */
export const FACTORIAL_MAX = 32_177;
