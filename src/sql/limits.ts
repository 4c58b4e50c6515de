/** Grouping sets of one GROUP BY: each is an aggregate with groups of its own. */
export const GROUPING_SETS_MAX = 64;
/** Arguments of GROUPING: its result is a bit for each, in an integer. As in PostgreSQL. */
export const GROUPING_ARGUMENTS_MAX = 31;
/** The greatest count of a quantifier in a row pattern: `{n,m}`. */
export const PATTERN_COUNT_MAX = 1000;
/** Variables, groups and quantifiers of one row pattern. */
export const PATTERN_PARTS_MAX = 200;
