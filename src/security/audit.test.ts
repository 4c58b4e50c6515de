import { describe, expect, it } from 'vitest';
import { commitNumber } from '../base/brand.ts';
import { textOf } from '../base/bytes.ts';
import { ManualClock } from '../base/clock.ts';
import type { CommitRequest } from '../log/log.ts';
import { decodeRecordBatches } from '../log/record-batch.ts';
import { createMetrics } from '../telemetry/registry.ts';
import { AUDIT_DELAY_MS, AUDIT_QUEUE_RECORDS_MAX, type AuditRecord, createAudit } from './audit.ts';

function setUp() {
  const clock = new ManualClock();
  const written: AuditRecord[][] = [];
  const state = { failing: false };
  const log = {
    async commit(request: CommitRequest) {
      if (state.failing) throw new Error('disk full');
      for (const batch of decodeRecordBatches(request.appends[0]!.batch)) {
        written.push([...batch.entries()].map((record) => JSON.parse(textOf(record.value!))));
      }
      return { commit: commitNumber(1), baseOffsets: [] };
    },
  };
  const audit = createAudit({ log, clock, metrics: createMetrics() });
  const record = (name: string) =>
    audit.record({ id: 'local', scopes: ['admin'] }, 'create', { kind: 'topic', name }, 'allowed');
  return { clock, written, state, audit, record };
}

describe('the audit trail', () => {
  it('gathers records and writes them in one batch', async () => {
    const { clock, written, audit, record } = setUp();
    record('a');
    record('b');
    expect(written).toEqual([]);
    clock.advance(AUDIT_DELAY_MS);
    await audit.flush();
    expect(written.map((batch) => batch.map((r) => r.resource))).toEqual([['topic:a', 'topic:b']]);
  });

  it('keeps what a failed write held, and writes it later', async () => {
    const { written, state, audit, record } = setUp();
    state.failing = true;
    record('a');
    await audit.flush();
    state.failing = false;
    await audit.flush();
    expect(written.flat().map((r) => r.resource)).toEqual(['topic:a']);
  });

  it('is bounded, and records how much it lost', async () => {
    const { written, audit, record } = setUp();
    for (let i = 0; i < AUDIT_QUEUE_RECORDS_MAX + 7; i++) record('t');
    await audit.flush();
    const all = written.flat();
    expect(all.length).toBe(AUDIT_QUEUE_RECORDS_MAX + 1);
    expect(all.find((r) => r.action === 'dropped')?.detail).toContain('7 records');
  });
});
