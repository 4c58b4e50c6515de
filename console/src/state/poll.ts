import { useCallback, useEffect, useState } from 'preact/hooks';
import { ApiError } from '../api/error.ts';

export type Polled<Value> =
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready'; readonly value: Value }
  | { readonly kind: 'failed'; readonly reason: string };

/** Asks again and again while the page is shown and not paused; what was read last stays when a later read fails. */
export function usePolled<Value>(read: () => Promise<Value>, everyMs: number, paused = false): Polled<Value> {
  const [polled, setPolled] = useState<Polled<Value>>({ kind: 'loading' });
  const keep = useCallback((next: Polled<Value>) => {
    setPolled((last) => (next.kind === 'failed' && last.kind === 'ready' ? last : next));
  }, []);
  useEffect(() => {
    if (paused) return;
    let stopped = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const turn = async () => {
      try {
        if (!document.hidden) {
          const value = await read();
          if (!stopped) keep({ kind: 'ready', value });
        }
      } catch (error) {
        if (!stopped)
          keep({ kind: 'failed', reason: error instanceof ApiError ? error.message : 'the answer could not be read' });
      }
      if (!stopped) timer = setTimeout(() => void turn(), everyMs);
    };
    void turn();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [read, everyMs, paused, keep]);
  return polled;
}
