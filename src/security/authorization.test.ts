import { describe, expect, it } from 'vitest';
import { createAuthorizer } from './authorization.ts';
import type { Action, Principal, Resource, Scope } from './principal.ts';

const principal = (...scopes: Scope[]): Principal => ({ id: 'service:x', scopes });
const topic = (name: string): Resource => ({ kind: 'topic', name });

function allowed(who: Principal, action: Action, resource: Resource): boolean {
  try {
    createAuthorizer().authorize(who, action, resource);
    return true;
  } catch {
    return false;
  }
}

describe('authorization', () => {
  it('denies everything to a principal without scopes', () => {
    for (const action of ['read', 'write', 'create', 'delete', 'describe', 'administer'] as const) {
      expect(allowed(principal(), action, topic('orders'))).toBe(false);
    }
  });

  it('grants reading with read and writing with write, not the other way round', () => {
    expect(allowed(principal('read'), 'read', topic('orders'))).toBe(true);
    expect(allowed(principal('read'), 'write', topic('orders'))).toBe(false);
    expect(allowed(principal('write'), 'write', topic('orders'))).toBe(true);
    expect(allowed(principal('write'), 'read', topic('orders'))).toBe(false);
  });

  it('grants everything but writing to system topics with admin', () => {
    expect(allowed(principal('admin'), 'delete', topic('orders'))).toBe(true);
    expect(allowed(principal('admin'), 'read', topic('_audit'))).toBe(true);
    expect(allowed(principal('admin'), 'write', topic('_audit'))).toBe(false);
    expect(allowed({ id: 'system', scopes: [] }, 'write', topic('_audit'))).toBe(true);
  });

  it('keeps the audit trail from readers, and dead letters not', () => {
    expect(allowed(principal('read'), 'read', topic('_audit'))).toBe(false);
    expect(allowed(principal('read'), 'read', topic('_dead_letters'))).toBe(true);
  });

  it('refuses an action that it does not know', () => {
    expect(allowed(principal('admin'), 'fly' as Action, topic('orders'))).toBe(false);
  });

  it('says which scope is needed, and tells the audit trail', () => {
    const seen: boolean[] = [];
    const authorizer = createAuthorizer({ onDecision: (_p, _a, _r, ok) => seen.push(ok) });
    expect(() => authorizer.authorize(principal('read'), 'write', topic('orders'))).toThrow('scope write');
    expect(seen).toEqual([false]);
  });
});
