/** SQL function names that are called otherwise in the plan's catalogue (plan/function.ts). */
export const FUNCTION_ALIASES: ReadonlyMap<string, string> = new Map([
  ['char_length', 'length'],
  ['character_length', 'length'],
  ['ceiling', 'ceil'],
  ['pow', 'power'],
  ['substr', 'substring'],
  ['strpos', 'position'],
  ['trim', 'btrim'],
  ['transaction_timestamp', 'now'],
  ['statement_timestamp', 'now'],
  ['mod', 'modulo'],
  ['json_typeof', 'jsonb_typeof'],
]);

/** Binary operators of SQL and their names in the catalogue. */
export const OPERATOR_NAMES: ReadonlyMap<string, string> = new Map([
  ['=', 'eq'],
  ['<>', 'ne'],
  ['!=', 'ne'],
  ['<', 'lt'],
  ['<=', 'le'],
  ['>', 'gt'],
  ['>=', 'ge'],
  ['+', 'add'],
  ['-', 'subtract'],
  ['*', 'multiply'],
  ['/', 'divide'],
  ['%', 'modulo'],
  ['||', 'concat'],
  ['~', 'matches'],
  ['~*', 'imatches'],
  ['~~', 'like'],
  ['~~*', 'ilike'],
  ['^', 'power'],
  ['->', 'json_get'],
  ['->>', 'json_get_text'],
  ['#>', 'json_path'],
  ['#>>', 'json_path_text'],
]);

/** Operators that are another one, denied. */
export const NEGATED_OPERATORS: ReadonlyMap<string, string> = new Map([
  ['!~', 'matches'],
  ['!~*', 'imatches'],
  ['!~~', 'like'],
  ['!~~*', 'ilike'],
]);

/** Names of the catalogue that SQL reaches by operators only. */
export const OPERATOR_ONLY: ReadonlySet<string> = new Set(
  [...OPERATOR_NAMES.values()].filter((name) => name !== 'power' && name !== 'concat' && name !== 'modulo'),
);
