import type { PlanNode } from '../plan/node.ts';

/** The relations that a query may name, by name; the answer for a name is the plan that gives its rows. */
export interface RelationCatalog {
  /** Undefined when there is none. May throw, to say why a relation that exists cannot be read here. */
  find(name: string): PlanNode | undefined;
  names(): readonly string[];
}

/** What a query may contain, and what its extras mean. */
export interface QueryRules {
  /** Streaming views allow only what the engine keeps incrementally. */
  readonly streaming: boolean;
  /** Time-to-live of joins and of `SELECT DISTINCT ON`, from the options of the view. */
  readonly ttlMs: number | undefined;
}
