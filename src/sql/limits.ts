/** Grouping sets of one GROUP BY: each is an aggregate with groups of its own. */
export const GROUPING_SETS_MAX = 64;
/** Arguments of GROUPING: its result is a bit for each, in an integer. As in PostgreSQL. */
export const GROUPING_ARGUMENTS_MAX = 31;
