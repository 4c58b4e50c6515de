import { evaluationError } from '../evaluation-error.ts';

type LikeToken =
  | { readonly kind: 'any-text' }
  | { readonly kind: 'any-one' }
  | { readonly kind: 'one'; readonly text: string };

const ANY_TEXT: LikeToken = { kind: 'any-text' };
const ANY_ONE: LikeToken = { kind: 'any-one' };

/** Compiles a LIKE pattern: `%` any text, `_` one code point, `\` takes the next one as it is. Time is O(text x pattern) at worst. */
export function likeMatcher(pattern: string, ignoreCase: boolean): (text: string) => boolean {
  const tokens = likeTokens(ignoreCase ? pattern.toLowerCase() : pattern);
  return (text) => matches(Array.from(ignoreCase ? text.toLowerCase() : text), tokens);
}

function likeTokens(pattern: string): readonly LikeToken[] {
  const tokens: LikeToken[] = [];
  const points = Array.from(pattern);
  for (let i = 0; i < points.length; i++) {
    const point = points[i]!;
    if (point === '%') tokens.push(ANY_TEXT);
    else if (point === '_') tokens.push(ANY_ONE);
    else if (point !== '\\') tokens.push({ kind: 'one', text: point });
    else {
      const next = points[++i];
      if (next === undefined) {
        throw evaluationError('PLAN_INVALID_ARGUMENT', 'LIKE pattern must not end with escape character');
      }
      tokens.push({ kind: 'one', text: next });
    }
  }
  return tokens;
}

/** Greedy with one point to return to: the last `%`. */
function matches(points: readonly string[], tokens: readonly LikeToken[]): boolean {
  let at = 0;
  let token = 0;
  let starToken = -1;
  let starAt = 0;
  while (at < points.length) {
    const current = tokens[token];
    if (current?.kind === 'any-text') {
      starToken = token++;
      starAt = at;
    } else if (current?.kind === 'any-one' || (current?.kind === 'one' && current.text === points[at])) {
      at++;
      token++;
    } else if (starToken >= 0) {
      token = starToken + 1;
      at = ++starAt;
    } else {
      return false;
    }
  }
  while (tokens[token]?.kind === 'any-text') token++;
  return token === tokens.length;
}
