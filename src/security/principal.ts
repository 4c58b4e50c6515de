/** Who asks. */
export interface Principal {
  /** `user:alice`, `service:web`, `anonymous`, `local` (loopback without authentication configured), `system`. */
  readonly id: string;
  readonly scopes: readonly Scope[];
}

/** `admin` includes all. */
export type Scope = 'read' | 'write' | 'admin';

export type Action = 'read' | 'write' | 'create' | 'delete' | 'describe' | 'administer';

export interface Resource {
  readonly kind: 'topic' | 'view' | 'pipeline' | 'query' | 'metrics' | 'dead-letters' | 'alerts' | 'cluster';
  readonly name: string;
}

/** The one decision that every door asks for; default deny. @throws HeadraceError `SECURITY_FORBIDDEN` */
export interface Authorizer {
  authorize(principal: Principal, action: Action, resource: Resource): void;
}
