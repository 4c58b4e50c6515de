// Rows in, rows out, in TypeScript; run it with "npx headrace test examples/web-traffic/typescript".
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openPipelineTest, type PipelineTest } from 'headrace/testing';

const request = (id: string, time: string, path: string, status: number, ip = '203.0.113.7') => ({
  id,
  time: `2026-01-31T${time}Z`,
  ip,
  method: 'GET',
  path,
  status,
  bytes: 100,
});

describe('web traffic', () => {
  let test: PipelineTest;
  before(async () => {
    test = await openPipelineTest({ project: '.' });
  });
  after(() => test.close());

  it('counts requests by section and class of status', async () => {
    await test.send('requests', [
      request('r1', '12:00:05', '/blog/first', 200),
      request('r2', '12:00:06', '/blog?page=2', 204, '203.0.113.9'),
      request('r3', '12:00:07', '/blog/gone', 404),
    ]);
    await test.settle();
    assert.deepEqual(
      test
        .rows('requests_1m')
        .map(({ section, status_class, requests, visitors }) => [section, status_class, requests, visitors]),
      [
        ['/blog', '2xx', 2, 2],
        ['/blog', '4xx', 1, 1],
      ],
    );
  });

  it('counts a request once, however often it is sent', async () => {
    await test.send('requests', [request('r1', '12:00:05', '/blog/first', 200)]);
    await test.settle();
    assert.equal(test.rows('error_rate')[0]?.requests, 3);
  });

  it('keeps what it refuses, with the reason', async () => {
    await test.send('requests', [{ ...request('r4', '12:00:08', '/', 200), status: 'OK' }]);
    assert.deepEqual(
      test.deadLetters().map(({ reason, pointer }) => [reason, pointer]),
      [['schema', '/status']],
    );
  });
});
