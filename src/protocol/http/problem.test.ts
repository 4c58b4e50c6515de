import { describe, expect, it } from 'vitest';
import { type ErrorDomain, HeadraceError } from '../../base/error.ts';
import { problemOf } from './problem.ts';

const problem = (code: string, domain: ErrorDomain, retryable = false) =>
  problemOf(new HeadraceError('doing it: no', { code, domain, retryable, next: 'do another' }));

describe('the status of a problem', () => {
  it.each([
    ['INGEST_BODY_MALFORMED', 'ingest'],
    ['INGEST_REFUSALS_TOO_MANY', 'ingest'],
    ['SERVING_QUERY_UNSUPPORTED', 'serving'],
    ['SERVING_QUERY_TOO_LARGE', 'serving'],
    ['SERVING_UNKNOWN_RELATION', 'serving'],
    ['LOG_TOPIC_CONFIG_INVALID', 'log'],
    ['SQL_SYNTAX', 'sql'],
    ['PLAN_TYPE_MISMATCH', 'plan'],
    ['SCHEMA_INVALID', 'schema'],
  ] as const)('is 400 for a mistake of the client: %s', (code, domain) => {
    expect(problem(code, domain).status).toBe(400);
  });

  it('is 429 or 503 for what may succeed later', () => {
    expect(problem('SERVING_QUERY_OVERLOADED', 'serving', true)).toMatchObject({ status: 429, retryable: true });
    expect(problem('LOG_CLOSED', 'log').status).toBe(503);
    expect(problem('LOG_ANYTHING', 'log', true).status).toBe(503);
  });

  it('is 500 for what nobody foresaw, without a word of it', () => {
    const { status, detail } = problemOf(new TypeError('x.y is not a function'));
    expect([status, detail]).toEqual([500, expect.not.stringContaining('x.y')]);
  });
});
