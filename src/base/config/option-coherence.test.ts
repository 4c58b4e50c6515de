import { expect, it } from 'vitest';
import { assertCoherent } from './option-coherence.ts';
import { readOptions } from './option-set.ts';
import { OPTIONS } from './options.ts';

const check = (flags: Record<string, string>) => () =>
  assertCoherent(readOptions(OPTIONS, { file: undefined, env: {}, flags }));

it('takes the defaults, and TLS with both of its files', () => {
  check({})();
  check({ 'http-tls-cert': 'a', 'http-tls-key': 'b' })();
});

it.each([
  [{ 'http-tls-cert': 'a' }, 'http.tls.cert is set and http.tls.key is not; set http.tls.key too'],
  [{ 'http-tls-key': 'a' }, 'http.tls.key is set and http.tls.cert is not'],
  [{ 'http-in-flight-bytes-max': '2MiB' }, 'less than http.body_bytes_max (16MiB)'],
])('refuses %j', (flags, message) => {
  expect(check(flags)).toThrow(message);
});
