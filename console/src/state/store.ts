import { useEffect, useState } from 'preact/hooks';

/** A value that views follow. */
export class Store<Value> {
  readonly #followers = new Set<() => void>();
  #value: Value;

  constructor(value: Value) {
    this.#value = value;
  }

  get value(): Value {
    return this.#value;
  }

  set(value: Value): void {
    this.#value = value;
    for (const follower of [...this.#followers]) follower();
  }

  follow(follower: () => void): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }
}

/** The store's value, rendering again at each change. */
export function useStore<Value>(store: Store<Value>): Value {
  const [, setVersion] = useState(0);
  useEffect(() => store.follow(() => setVersion((version) => version + 1)), [store]);
  return store.value;
}
