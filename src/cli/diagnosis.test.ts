import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataDirLock } from '../log/data-dir-lock.ts';
import { clockFinding, dataDirFinding, diskFindings, fsyncFinding, nodeFinding, portFinding } from './diagnosis.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'doctor-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('the doctor', () => {
  it.each([
    ['20.19.0', 'ok'],
    ['24.1.0', 'ok'],
    ['20.18.3', 'fail'],
    ['18.20.0', 'fail'],
  ])('finds Node %s %s', (version, verdict) => {
    expect(nodeFinding(version).verdict).toBe(verdict);
  });

  it('finds a clock that was never set, and one that is behind the data', () => {
    expect(clockFinding(0, dir)).toMatchObject({ verdict: 'fail' });
    mkdirSync(join(dir, 'commit'));
    expect(clockFinding(Date.UTC(2026, 0, 2), dir)).toMatchObject({
      verdict: 'warn',
      detail: expect.stringContaining('but data were written at'),
    });
    expect(clockFinding(Date.now(), dir).verdict).toBe('ok');
  });

  it('measures space and fsync where the data will be, also before there is a folder', () => {
    const findings = diskFindings(join(dir, 'not', 'yet'));
    expect(findings.map(({ check }) => check)).toEqual(['disk', 'fsync']);
    expect(findings[0]!.detail).toContain(`free at ${dir}`);
  });

  it.each([
    [0.001, 'warn', 'too fast'],
    [1, 'ok', '1.00 ms'],
    [40, 'warn', 'use a faster disk'],
  ])('judges an fsync of %d ms: %s', (ms, verdict, detail) => {
    expect(fsyncFinding(ms)).toMatchObject({ verdict, detail: expect.stringContaining(detail) });
  });

  it('finds who owns the data directory', async () => {
    expect(await dataDirFinding(join(dir, 'none'))).toMatchObject({ verdict: 'ok' });
    expect(await dataDirFinding(dir)).toMatchObject({ verdict: 'ok', detail: expect.stringContaining('is free') });
    const lock = await DataDirLock.take(dir);
    expect(await dataDirFinding(dir)).toMatchObject({
      verdict: 'warn',
      detail: expect.stringContaining(`process ${process.pid}`),
    });
    await lock.release();
  });

  it('finds who has the port', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    expect(await portFinding('127.0.0.1', port, true)).toMatchObject({ verdict: 'ok' });
    expect(await portFinding('127.0.0.1', port, false)).toMatchObject({
      verdict: 'warn',
      detail: expect.stringContaining('--http-port'),
    });
    await new Promise((resolve) => server.close(resolve));
    expect((await portFinding('127.0.0.1', port, false)).detail).toContain('is free');
  });
});
