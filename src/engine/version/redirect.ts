import type { Append } from '../../log/log.ts';

/** Where to what is meant for a topic goes instead; null for nowhere. Other topics are written as they are named. */
export type Redirect = ReadonlyMap<string, string | null>;

export function redirected(appends: readonly Append[], redirect: Redirect): readonly Append[] {
  return appends.flatMap((append) => {
    const topic = redirect.get(append.topic);
    if (topic === undefined) return [append];
    return topic === null ? [] : [{ ...append, topic }];
  });
}
