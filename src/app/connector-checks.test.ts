import { describe, expect, it } from 'vitest';
import { requirePackage } from './connector-checks.ts';

describe('a look-up whose package is optional', () => {
  const position = { file: 'p.sql', line: 2, column: 1 };

  it('says at its place which package is missing, and how it is had', () => {
    expect(() => requirePackage('look-up "users"', 'not-a-package-of-anyone', position)).toThrow(
      expect.objectContaining({
        code: 'CONNECTOR_PACKAGE_MISSING',
        message:
          'reading look-up "users": the package not-a-package-of-anyone is not installed; run "npm install not-a-package-of-anyone"',
        position,
      }),
    );
  });

  it.each(['ioredis', 'pg'])('finds %s', (name) => {
    expect(() => requirePackage('look-up "users"', name, position)).not.toThrow();
  });
});
