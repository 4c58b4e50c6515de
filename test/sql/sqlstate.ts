/** SQLSTATE of PostgreSQL, and the codes with which Headrace may say the same (PostgreSQL's manual, appendix A). */
const CODES: Readonly<Record<string, readonly string[]>> = {
  '0A000': ['SQL_NOT_SUPPORTED'],
  '21000': ['PLAN_MORE_THAN_ONE_ROW'],
  '22003': ['PLAN_OUT_OF_RANGE'],
  '22007': ['PLAN_INVALID_TEXT'],
  '22008': ['PLAN_OUT_OF_RANGE', 'PLAN_INVALID_TEXT'],
  '22012': ['PLAN_DIVISION_BY_ZERO'],
  '22P02': ['PLAN_INVALID_TEXT'],
  '42601': ['SQL_SYNTAX'],
  '42702': ['SQL_AMBIGUOUS_COLUMN'],
  '42703': ['SQL_UNKNOWN_COLUMN'],
  '42704': ['SQL_UNKNOWN_TYPE', 'SQL_UNKNOWN_WINDOW'],
  '42712': ['SQL_DUPLICATE_NAME'],
  '42803': ['SQL_GROUPING'],
  '42804': ['PLAN_TYPE_MISMATCH'],
  '42846': ['PLAN_TYPE_MISMATCH'],
  '42883': ['PLAN_UNKNOWN_FUNCTION', 'PLAN_TYPE_MISMATCH'],
  '42P01': ['SQL_UNKNOWN_RELATION'],
};

/** Codes that never stand for an error of PostgreSQL: what is refused is right, only not here. */
const NEVER = /^(?:SQL_NOT_SUPPORTED|PLAN_UNKNOWN_FUNCTION|SERVING_.*|ENGINE_.*|INTERNAL)$/;

/** Code of a dead letter: the words of the error say what it is. */
export const ROW_ERROR = 'expression';

export function saysTheSame(sqlstate: string, code: string): boolean {
  if (code === ROW_ERROR) return true;
  const codes = CODES[sqlstate];
  return codes === undefined ? !NEVER.test(code) : codes.includes(code);
}
