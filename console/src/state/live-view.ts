import { useEffect, useState } from 'preact/hooks';
import type { ApiClient } from '../api/client.ts';
import { LiveStream, type StreamState } from '../api/live-stream.ts';
import { LiveTable } from './live-table.ts';

/** Changes are drawn together this often: fast enough to feel live, slow enough to read. */
const DRAW_MS = 250;

export interface LiveView {
  readonly table: LiveTable;
  readonly state: StreamState;
  /** Grows when the table changed. */
  readonly version: number;
}

/**
 * Follows a view or topic while the page is shown: a hidden tab lets its connection go. A snapshot that starts over
 * replaces the rows in one step, so that nothing blinks.
 */
export function useLiveView(client: ApiClient, id: string | undefined): LiveView {
  const [view, setView] = useState<LiveView>(emptyView);
  useEffect(() => {
    setView(emptyView());
    if (id === undefined) return;
    let shown = new LiveTable();
    let next: LiveTable | undefined;
    let state: StreamState = { kind: 'connecting' };
    let changed = false;
    let version = 0;
    const draw = () => {
      if (!changed) return;
      changed = false;
      if (next !== undefined && (next.caughtUp || next.size > 0)) {
        shown = next;
        next = undefined;
      }
      version += 1;
      setView({ table: shown, state, version });
    };
    const open = () =>
      new LiveStream(client, id, {
        onReset: () => {
          next = new LiveTable();
        },
        onFrames: (frames) => {
          (next ?? shown).apply(frames, Date.now());
          changed = true;
        },
        onState: (now) => {
          state = now;
          changed = true;
        },
      });
    let stream: LiveStream | undefined = document.hidden ? undefined : open();
    const onVisibility = () => {
      stream?.close();
      stream = document.hidden ? undefined : open();
    };
    document.addEventListener('visibilitychange', onVisibility);
    const timer = setInterval(draw, DRAW_MS);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', onVisibility);
      stream?.close();
    };
  }, [client, id]);
  return view;
}

function emptyView(): LiveView {
  return { table: new LiveTable(), state: { kind: 'connecting' }, version: 0 };
}
