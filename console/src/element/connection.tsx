import { useEffect, useState } from 'preact/hooks';
import type { ApiClient } from '../api/client.ts';
import type { Monitor, MonitorState } from '../state/monitor.ts';
import { useStore } from '../state/store.ts';

/** Whether the server answers; when not, since when it is tried again and a way to try at once. */
export function Connection({ monitor, client }: { readonly monitor: Monitor; readonly client: ApiClient }) {
  const state = useStore(monitor.state);
  const [token, setToken] = useState('');
  const [, tick] = useState(0);
  const { connection } = state;
  useEffect(() => {
    if (connection.kind !== 'lost') return;
    const timer = setInterval(() => tick((n) => n + 1), 500);
    return () => clearInterval(timer);
  }, [connection.kind]);

  if (connection.kind === 'unauthorized') {
    return (
      <form
        class="connection lost"
        onSubmit={(event) => {
          event.preventDefault();
          client.setToken(token);
          monitor.retryNow();
        }}
      >
        <label>
          This server asks for a token{' '}
          <input
            type="password"
            autocomplete="off"
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="button">
          Use it
        </button>
      </form>
    );
  }
  const seconds = connection.kind === 'lost' ? Math.max(0, Math.ceil((connection.retryAt - Date.now()) / 1000)) : 0;
  return (
    <div class={`connection ${connection.kind}`}>
      <span role="status">{sentence(state)}</span>
      {connection.kind === 'lost' && (
        <>
          <span class="soft">{seconds > 0 ? `trying again in ${seconds} s` : 'trying now'}</span>
          <button type="button" class="button" onClick={() => monitor.retryNow()}>
            Try now
          </button>
        </>
      )}
    </div>
  );
}

function sentence({ connection, returns }: MonitorState): string {
  if (connection.kind === 'connecting') return 'Connecting';
  if (connection.kind === 'lost') return `Not connected: ${connection.reason}; the figures below are the last known`;
  return returns > 0 ? `Live; reconnected ${returns === 1 ? 'once' : `${returns} times`}` : 'Live';
}
