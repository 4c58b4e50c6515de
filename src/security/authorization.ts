import { HeadraceError } from '../base/error.ts';
import type { Action, Authorizer, Principal, Resource, Scope } from './principal.ts';

/** The scope that an action asks for; whoever has `admin` may do all. */
const SCOPE_OF_ACTION: Readonly<Record<Action, Scope>> = {
  read: 'read',
  describe: 'read',
  write: 'write',
  create: 'admin',
  delete: 'admin',
  administer: 'admin',
};

/** Topics whose name begins so are the system's own: written by nobody from outside, read with `admin`. */
const SYSTEM_TOPIC_PREFIX = '_';
/** System topics that a reader of the data may also read. */
const READABLE_SYSTEM_TOPICS: ReadonlySet<string> = new Set(['_dead_letters', '_alerts']);

export interface AuthorizerOptions {
  /** Hears of every decision; the audit trail. */
  readonly onDecision?: (principal: Principal, action: Action, resource: Resource, allowed: boolean) => void;
}

/** Default deny: an action passes only when a scope of the principal grants it on that resource. */
export function createAuthorizer(options: AuthorizerOptions = {}): Authorizer {
  return {
    authorize(principal, action, resource) {
      const needed = neededScope(action, resource);
      const allowed = needed !== undefined && isGranted(principal, needed);
      options.onDecision?.(principal, action, resource, allowed);
      if (allowed) return;
      throw new HeadraceError(`authorizing ${principal.id} to ${action} ${resource.kind} "${resource.name}": denied`, {
        code: 'SECURITY_FORBIDDEN',
        domain: 'security',
        next: needed === undefined ? 'nobody may do this' : `use a token with scope ${needed}`,
      });
    },
  };
}

function isGranted(principal: Principal, needed: Scope | 'system'): boolean {
  if (principal.id === 'system') return true;
  return needed !== 'system' && (principal.scopes.includes('admin') || principal.scopes.includes(needed));
}

function neededScope(action: Action, resource: Resource): Scope | 'system' | undefined {
  const scope: Scope | undefined = SCOPE_OF_ACTION[action];
  if (resource.kind !== 'topic' || !resource.name.startsWith(SYSTEM_TOPIC_PREFIX)) return scope;
  if (action === 'read' || action === 'describe') return READABLE_SYSTEM_TOPICS.has(resource.name) ? 'read' : 'admin';
  return 'system';
}
