import { exampleGroup, type SqlExample } from './example.ts';

export const REGULAR_EXPRESSION_EXAMPLES: readonly SqlExample[] = exampleGroup('Regular expressions', [
  ['a ~ pattern, a !~ pattern', 'whether a part of it matches', "'abc' ~ '^a.c$'", 'true'],
  ['a ~* pattern, a !~* pattern', 'the same, whatever the case', "'ABC' ~* 'b'", 'true'],
  ['regexp_like(a, pattern, flags)', 'the same, with flags', "regexp_like('Hello', '^h', 'i')", 'true'],
  [
    'regexp_match(a, pattern, flags)',
    'the groups of the first match, or the whole of it',
    "regexp_match('foobarbequebaz', '(bar)(beque)')",
    '{bar,beque}',
  ],
  [
    'regexp_replace(a, pattern, to, flags), regexp_replace(a, pattern, to, start, n, flags)',
    'the first match, all with the flag g, or the n-th; \\1 is a group, \\& the match',
    "regexp_replace('a1b22', '[0-9]+', '#', 'g')",
    'a#b#',
  ],
  ['regexp_count(a, pattern, start, flags)', 'how many matches', "regexp_count('123012', '\\d\\d')", '3'],
  [
    'regexp_instr(a, pattern, start, n, end, flags, group)',
    'where the n-th match begins, or ends',
    "regexp_instr('ABCDEF', 'c(.)(..)', 1, 1, 0, 'i')",
    '3',
  ],
  [
    'regexp_substr(a, pattern, start, n, flags, group)',
    'the n-th match, or a group of it',
    "regexp_substr('ABCDEF', 'c(.)(..)', 1, 1, 'i', 2)",
    'EF',
  ],
  [
    'regexp_split_to_array(a, pattern, flags)',
    'the parts between the matches',
    "regexp_split_to_array('hello world', '\\s+')",
    '{hello,world}',
  ],
  [
    'regexp_extract(a, pattern, group)',
    'a group of the first match by its number, 0 being the whole, as in Flink SQL',
    "regexp_extract('foothebar', 'foo(.*?)(bar)', 2)",
    'bar',
  ],
]);
