import { describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { createAuthenticator } from './authentication.ts';
import { checkToken, createToken, formatTokens, parseTokens } from './token.ts';

const clock = new ManualClock(1_000);
const made = createToken({ principal: 'service:web', scopes: ['write'] });

describe('a token', () => {
  it('has 256 bits of its own and a public id', () => {
    expect(made.token).toMatch(/^hr_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$/);
    expect(made.token.slice(3, 15)).toBe(made.record.id);
  });

  it('is not in what is stored', () => {
    expect(JSON.stringify(made.record)).not.toContain(made.token.slice(16));
  });

  it('matches its record and no other', () => {
    const other = createToken({ principal: 'service:web', scopes: ['write'] });
    expect(checkToken(made.token, made.record)).toBe(true);
    expect(checkToken(other.token, made.record)).toBe(false);
  });

  it('survives the tokens file', () => {
    expect(parseTokens(formatTokens([made.record]), 'tokens.json')).toEqual([made.record]);
  });

  it.each([
    ['not JSON', '{', 'it is not JSON'],
    ['no list', '{}', 'it has no list "tokens"'],
    ['a bad scope', JSON.stringify({ tokens: [{ ...made.record, scopes: ['root'] }] }), '"scopes"'],
    ['a bad principal', JSON.stringify({ tokens: [{ ...made.record, principal: 'system' }] }), '"principal"'],
    ['an id twice', JSON.stringify({ tokens: [made.record, made.record] }), 'occurs twice'],
  ])('in a file with %s is refused with the reason', (_case, text, reason) => {
    expect(() => parseTokens(text, 'tokens.json')).toThrow(reason);
  });
});

describe('authentication', () => {
  const locked = createAuthenticator({ tokens: [made.record], localAllowed: false, clock });
  const open = createAuthenticator({ tokens: [], localAllowed: true, clock });

  it('knows a token', () => {
    const principal = locked.authenticate({ authorization: `Bearer ${made.token}`, remoteAddress: '10.0.0.1' });
    expect(principal).toEqual({ id: 'service:web', scopes: ['write'] });
  });

  it.each([
    ['no header', undefined],
    ['another scheme', 'Basic dXNlcjpwYXNz'],
    ['a token with one character changed', `Bearer ${made.token.slice(0, -1)}${made.token.endsWith('A') ? 'B' : 'A'}`],
    ['a token nobody made', `Bearer ${createToken({ principal: 'user:x', scopes: ['admin'] }).token}`],
  ])('refuses %s', (_case, authorization) => {
    expect(() => locked.authenticate({ authorization, remoteAddress: '127.0.0.1' })).toThrow(
      expect.objectContaining({ code: 'SECURITY_UNAUTHENTICATED' }),
    );
  });

  it('refuses an expired token', () => {
    const short = createToken({ principal: 'user:a', scopes: ['read'], expiresAt: 1_000 });
    const authenticator = createAuthenticator({ tokens: [short.record], localAllowed: false, clock });
    expect(() =>
      authenticator.authenticate({ authorization: `Bearer ${short.token}`, remoteAddress: undefined }),
    ).toThrow('expired');
  });

  it('lets loopback in as "local" when nothing is configured, and nobody else', () => {
    expect(open.authenticate({ authorization: undefined, remoteAddress: '::ffff:127.0.0.1' }).id).toBe('local');
    expect(() => open.authenticate({ authorization: undefined, remoteAddress: '192.0.2.1' })).toThrow(
      'a token is needed',
    );
  });
});
