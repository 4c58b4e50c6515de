import { describe, expect, it } from 'vitest';
import { evaluate } from '../evaluate.ts';
import { call, literal } from '../expression-factory.ts';
import { TYPE } from '../type-name.ts';

const of = (name: string, ...texts: string[]): unknown =>
  evaluate(
    call(
      name,
      texts.map((text) => literal(text, TYPE.text)),
    ),
    [],
  );

const URL_TEXT = 'https://me:pw@[2001:db8::1]:8443/a/b%20c?q=big+cat&empty=&flag&q=2#top?x';

describe('a URL', () => {
  it.each([
    ['url_protocol', URL_TEXT, 'https'],
    ['url_host', URL_TEXT, '[2001:db8::1]'],
    ['url_port', URL_TEXT, 8443n],
    ['url_path', URL_TEXT, '/a/b%20c'],
    ['url_query', URL_TEXT, 'q=big+cat&empty=&flag&q=2'],
    ['url_fragment', URL_TEXT, 'top?x'],
    ['url_host', '/only/a/path', null],
    ['url_path', '/only/a/path', '/only/a/path'],
    ['url_path', 'https://example.com', ''],
    ['url_query', 'https://example.com/?', ''],
    ['url_query', 'https://example.com/', null],
    ['url_host', 'not a url', null],
    ['url_host', 'mailto:a@b.c', null],
    ['url_extract_host', 'http://example.com', 'example.com'],
  ])('%s of %s is %s', (name, url, expected) => {
    expect(of(name, url)).toBe(expected);
  });

  it.each([
    ['q', 'big cat'],
    ['empty', ''],
    ['flag', ''],
    ['missing', null],
  ])('has the parameter %s', (name, expected) => {
    expect(of('url_query_param', URL_TEXT, name)).toBe(expected);
  });

  it.each([
    ['HOST', '[2001:db8::1]'],
    ['FILE', '/a/b%20c?q=big+cat&empty=&flag&q=2'],
    ['AUTHORITY', 'me:pw@[2001:db8::1]:8443'],
    ['USERINFO', 'me:pw'],
    ['REF', 'top?x'],
    ['NOTHING', null],
  ])('has the part %s of parse_url', (part, expected) => {
    expect(of('parse_url', URL_TEXT, part)).toBe(expected);
  });

  it('is read in time linear in it', () => {
    expect(of('url_host', `https://${'@:'.repeat(200_000)}`)).toBe(null);
  });

  it('is decoded as far as it can be', () => {
    expect(of('url_decode', '%E4%BD%A0+%zz')).toBe('%E4%BD%A0 %zz');
    expect(of('url_decode', of('url_encode', 'ä b&c/d') as string)).toBe('ä b&c/d');
  });
});

const AGENTS: readonly (readonly [string, string | null, string | null, string | null, string | null])[] = [
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
    'Chrome',
    '126',
    'Windows',
    'desktop',
  ],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0',
    'Edge',
    '126',
    'Windows',
    'desktop',
  ],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15',
    'Safari',
    '17',
    'macOS',
    'desktop',
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
    'Safari',
    '17',
    'iOS',
    'mobile',
  ],
  [
    'Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0 Mobile/15E148 Safari/604.1',
    'Chrome',
    '126',
    'iOS',
    'tablet',
  ],
  [
    'Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36',
    'Samsung Internet',
    '25',
    'Android',
    'mobile',
  ],
  [
    'Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
    'Chrome',
    '126',
    'Android',
    'tablet',
  ],
  [
    'Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0',
    'Firefox',
    '127',
    'Linux',
    'desktop',
  ],
  ['Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko', 'Internet Explorer', '11', 'Windows', 'desktop'],
  ['Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)', null, null, null, 'bot'],
  ['curl/8.5.0', null, null, null, 'bot'],
  ['something of my own', null, null, null, 'other'],
  ['', null, null, null, null],
];

describe('a user agent', () => {
  it.each(AGENTS)('%s', (header, browser, version, system, device) => {
    const seen = ['browser', 'version', 'os', 'device'].map((what) => of(`user_agent_${what}`, header));
    expect(seen).toEqual([browser, version, system, device]);
  });
});

describe('an address', () => {
  it.each([
    ['10.1.2.3', '10.0.0.0/8', true],
    ['11.1.2.3', '10.0.0.0/8', false],
    ['10.1.0.0/16', '10.0.0.0/8', true],
    ['10.0.0.0/8', '10.1.0.0/16', false],
    ['::1', '10.0.0.0/8', false],
    ['2001:db8:1::5', '2001:db8::/32', true],
    ['0.0.0.0', '0.0.0.0/0', true],
  ])('%s in %s: %s', (address, range, expected) => {
    expect(of('ip_in_range', address, range)).toBe(expected);
  });

  it.each(['10.1.2', '10.1.2.3/33', '::g', '1.2.3.4/x', ''])('%s is none', (text) => {
    expect(of('is_ip_address', text)).toBe(false);
    expect(() => of('host', text)).toThrow('invalid input syntax for type inet');
  });
});

describe('a distance', () => {
  const metres = (...degrees: number[]): unknown =>
    evaluate(
      call(
        'geo_distance',
        degrees.map((d) => literal(d, TYPE.float8)),
      ),
      [],
    );

  it('is along the great circle', () => {
    expect(metres(0, 0, 0, 180)).toBeCloseTo(Math.PI * 6_371_008.8, 3);
    expect(metres(52.52, 13.405, 52.52, 13.405)).toBe(0);
    expect(() => metres(91, 0, 0, 0)).toThrow('latitude 91 is not between -90 and 90');
  });
});
