import { describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { hostAllowed, isLoopbackAddress, originAllowed } from './origin.ts';
import { assertSafeBind } from './safe-bind.ts';
import { readTlsOptions } from './tls-options.ts';

const policy = { allowedHosts: ['headrace.example.com'], allowedOrigins: ['https://app.example.com'] };

describe('the Host header', () => {
  it.each(['localhost', 'LOCALHOST:8080', '127.0.0.1:8080', '[::1]:8080', 'headrace.example.com'])(
    '%s is ours',
    (host) => {
      expect(hostAllowed(host, policy)).toBe(true);
    },
  );

  it.each([
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example:8080',
    'localhost@evil',
    'a b',
  ])('%s is not ours', (host) => {
    expect(hostAllowed(host, policy)).toBe(false);
  });
});

describe('the Origin header', () => {
  it('may be absent, be the own origin, or be allowed', () => {
    expect(originAllowed(undefined, 'localhost:8080', policy)).toBe(true);
    expect(originAllowed('http://localhost:8080', 'localhost:8080', policy)).toBe(true);
    expect(originAllowed('https://app.example.com', 'localhost:8080', policy)).toBe(true);
  });

  it.each(['null', 'http://localhost:3000', 'https://evil.example', 'http://localhost:8080/x', ''])(
    '%s is refused',
    (origin) => {
      expect(originAllowed(origin, 'localhost:8080', policy)).toBe(false);
    },
  );

  it('is not saved by a Host header that is foreign as well', () => {
    expect(originAllowed('http://evil.example', 'evil.example', policy)).toBe(false);
  });
});

describe('loopback addresses', () => {
  it.each(['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1', 'localhost'])('%s is one', (address) => {
    expect(isLoopbackAddress(address)).toBe(true);
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', '1127.0.0.1', '127.0.0.1.example.com'])('%s is none', (address) => {
    expect(isLoopbackAddress(address)).toBe(false);
  });
});

describe('binding', () => {
  const bind = (host: string, tlsConfigured: boolean, authConfigured: boolean) => () =>
    assertSafeBind({ listener: 'http', host, tlsConfigured, authConfigured });

  it('to loopback needs nothing', () => {
    expect(bind('127.0.0.1', false, false)).not.toThrow();
  });

  it('beyond it needs both, and says how', () => {
    expect(bind('0.0.0.0', true, true)).not.toThrow();
    expect(bind('0.0.0.0', false, true)).toThrow('http.tls.cert');
    expect(bind('0.0.0.0', true, false)).toThrow('auth.tokens_file');
    expect(bind('0.0.0.0', false, false)).toThrow(
      /TLS .* and authentication .* configure both, or bind to 127\.0\.0\.1/,
    );
  });
});

describe('TLS files', () => {
  it('that cannot be read are named', () => {
    const read = () => {
      throw new Error('ENOENT');
    };
    expect(() => readTlsOptions({ certFile: 'a.pem', keyFile: 'b.pem' }, read, new ManualClock())).toThrow(
      /a\.pem.*ENOENT/,
    );
  });

  it('that are no PEM are named', () => {
    expect(() => readTlsOptions({ certFile: 'a.pem', keyFile: 'b.pem' }, () => 'x', new ManualClock())).toThrow(
      'a.pem for TLS: it is not a PEM certificate',
    );
  });
});
