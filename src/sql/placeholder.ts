/**
 * While a SELECT is being bound, columns from these positions on stand for results that have no node yet: of aggregates, of window
 * functions and of GROUPING.
 */
export const AGGREGATE_PLACEHOLDER = 1_000_000;
export const WINDOW_PLACEHOLDER = 2_000_000;
export const GROUPING_PLACEHOLDER = 3_000_000;
/** Results of sub-queries and set-returning functions; from here on nothing is a column of the grouped rows. */
export const ATTACHMENT_PLACEHOLDER = 4_000_000;
