import type { Answer, Ask, AskTarget } from './effect.ts';

/** A source of look-ups, opened for one operator of a pipeline. It bounds how much it asks at a time. */
export interface Lookup {
  /** The columns found for a key, null for none, or why it failed; never rejects. */
  find(key: Ask['args']): Promise<Answer>;
  close(): Promise<void>;
}

/** Opens look-ups: connectors are known further down. @throws HeadraceError when the connector is not known */
export type LookupFactory = (target: AskTarget & { kind: 'lookup' }) => Lookup;
