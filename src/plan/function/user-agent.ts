import { type FunctionOverload, NULLABLE, overload } from './overload.ts';

type Rule = readonly [name: string, pattern: RegExp];

/**
 * What the User-Agent header of a request says (RFC 9110, section 10.1.5): the common browsers, systems and robots, by the words that
 * they put there, the more particular first. A header may say what it likes, and recent browsers freeze theirs, so this is for
 * counting, not for deciding. What is read of a header is bounded, so the time that a pattern takes is too.
 */
const BROWSERS: readonly Rule[] = [
  ['Edge', /\b(?:Edg|EdgA|EdgiOS|Edge)\/(\d+)/],
  ['Opera', /\b(?:OPR|Opera|OPiOS)\/(\d+)/],
  ['Samsung Internet', /\bSamsungBrowser\/(\d+)/],
  ['Yandex', /\bYaBrowser\/(\d+)/],
  ['Vivaldi', /\bVivaldi\/(\d+)/],
  ['UC Browser', /\bUCBrowser\/(\d+)/],
  ['Firefox', /\b(?:Firefox|FxiOS)\/(\d+)/],
  ['Chrome', /\b(?:HeadlessChrome|Chrome|CriOS|Chromium)\/(\d+)/],
  ['Safari', /\bVersion\/(\d+)[^ ]* (?:Mobile\/[^ ]+ )?Safari\//],
  ['Safari', /\b(?:iPhone|iPad|Macintosh);.* AppleWebKit\/(\d+)/],
  ['Internet Explorer', /\b(?:MSIE |rv:)(\d+)\.\d+.*(?:Trident|\))/],
];

const SYSTEMS: readonly Rule[] = [
  ['Windows', /Windows NT|Windows Phone|\bWin(?:64|32)\b/],
  ['iOS', /\b(?:iPhone|iPad|iPod)\b/],
  ['Android', /\bAndroid\b/],
  ['macOS', /\bMacintosh\b|\bMac OS X\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['Linux', /\bLinux\b|\bX11\b/],
];

const ROBOT =
  /bot\b|bot[/;)]|crawl|spider|slurp|facebookexternalhit|headless|monitor|preview|\b(?:curl|Wget|python-requests|Go-http-client|okhttp|axios|node-fetch|Java)\/|Googlebot|bingpreview/i;
const TABLET = /\biPad\b|\bTablet\b|\bKindle\b|\bSilk\//;
const PHONE = /\b(?:iPhone|iPod|Mobile|Windows Phone)\b/;
const TELEVISION = /\b(?:SmartTV|SMART-TV|AppleTV|GoogleTV|HbbTV|CrKey|Roku)\b/;

/** A header longer than this is cut: servers refuse longer ones. */
const HEADER_LENGTH_MAX = 2_000;
const cut = (header: string): string => header.slice(0, HEADER_LENGTH_MAX);

function browserOf(header: string): readonly [string, string] | undefined {
  for (const [name, pattern] of BROWSERS) {
    const match = pattern.exec(cut(header));
    if (match !== null) return [name, match[1]!];
  }
  return undefined;
}

function deviceOf(header: string): string | null {
  const text = cut(header);
  if (text.trim() === '') return null;
  if (ROBOT.test(text)) return 'bot';
  if (TELEVISION.test(text)) return 'tv';
  if (TABLET.test(text) || (/\bAndroid\b/.test(text) && !/\bMobile\b/.test(text))) return 'tablet';
  if (PHONE.test(text)) return 'mobile';
  return SYSTEMS.some(([, pattern]) => pattern.test(text)) ? 'desktop' : 'other';
}

const one = ['text'] as const;

export const USER_AGENT_FUNCTIONS: readonly FunctionOverload[] = [
  overload('user_agent_browser', one, 'text', (header: string) => browserOf(header)?.[0] ?? null, NULLABLE),
  overload('user_agent_version', one, 'text', (header: string) => browserOf(header)?.[1] ?? null, NULLABLE),
  overload(
    'user_agent_os',
    one,
    'text',
    (header: string) => SYSTEMS.find(([, pattern]) => pattern.test(cut(header)))?.[0] ?? null,
    NULLABLE,
  ),
  overload('user_agent_device', one, 'text', deviceOf, NULLABLE),
];
