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
  ['json_array_length', 'jsonb_array_length'],
  ['json_build_object', 'jsonb_build_object'],
  ['json_build_array', 'jsonb_build_array'],
  ['json_strip_nulls', 'jsonb_strip_nulls'],
  ['json_extract_path', 'jsonb_extract_path'],
  ['json_extract_path_text', 'jsonb_extract_path_text'],
  ['to_json', 'to_jsonb'],
  ['array_to_json', 'to_jsonb'],
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
  ['#-', 'jsonb_delete_path'],
  ['?', 'jsonb_exists'],
  ['?|', 'jsonb_exists_any'],
  ['?&', 'jsonb_exists_all'],
  ['@?', 'jsonb_path_exists'],
  ['@@', 'jsonb_path_match'],
  ['@>', 'contains'],
  ['<@', 'contained_by'],
  ['&&', 'overlap'],
  ['^@', 'starts_with'],
  ['&', 'bitwise_and'],
  ['|', 'bitwise_or'],
  ['#', 'bitwise_xor'],
  ['<<', 'shift_left'],
  ['>>', 'shift_right'],
]);

/** Operators before their one argument. */
export const PREFIX_OPERATORS: ReadonlyMap<string, string> = new Map([
  ['-', 'negate'],
  ['@', 'abs'],
  ['|/', 'sqrt'],
  ['||/', 'cbrt'],
  ['~', 'bitwise_not'],
]);

/** Operators that are another one, denied. */
export const NEGATED_OPERATORS: ReadonlyMap<string, string> = new Map([
  ['!~', 'matches'],
  ['!~*', 'imatches'],
  ['!~~', 'like'],
  ['!~~*', 'ilike'],
]);

/** Operators whose name in the catalogue is a function of SQL too. */
const NAMED_ALSO: ReadonlySet<string> = new Set([
  'power',
  'concat',
  'modulo',
  'starts_with',
  'jsonb_exists',
  'jsonb_exists_any',
  'jsonb_exists_all',
  'jsonb_path_exists',
  'jsonb_path_match',
  'jsonb_delete_path',
]);

/** Names of the catalogue that SQL reaches by operators and forms only. */
export const OPERATOR_ONLY: ReadonlySet<string> = new Set([
  ...[...OPERATOR_NAMES.values()].filter((name) => !NAMED_ALSO.has(name)),
  'negate',
  'bitwise_not',
  'similar_to',
  'array',
  'array_element',
  'array_slice',
  'overlaps',
  ...['eq', 'ne', 'lt', 'le', 'gt', 'ge'].flatMap((name) => [`${name}_any`, `${name}_all`]),
]);
