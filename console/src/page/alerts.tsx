import { useMemo, useRef } from 'preact/hooks';
import { decodeAlert } from '../api/decode.ts';
import type { Alert, AlertState } from '../api/types.ts';
import { Empty } from '../element/empty.tsx';
import { ALERT_EXAMPLE } from '../state/command-line.ts';
import type { PageProps } from '../state/console.ts';
import { formatCell, formatCount, formatSpan, formatTime } from '../state/format.ts';
import { useLiveView } from '../state/live-view.ts';
import { hashOf } from '../state/route.ts';
import { useStore } from '../state/store.ts';

const ALERT_STREAM = '_alerts';
const GROUPS: readonly (readonly [AlertState, string])[] = [
  ['firing', 'Firing'],
  ['pending', 'Pending'],
  ['resolved', 'Resolved'],
];
const SHOWN_MAX = 50;
const TONES = { firing: 'bad', pending: 'warn', resolved: 'good' } as const;
const SEVERITIES = { critical: 'bad', warning: 'warn', info: 'water' } as const;

export function AlertsPage({ console }: PageProps) {
  const state = useStore(console.monitor.state);
  const view = useLiveView(console.client, ALERT_STREAM);
  const live = view.state.kind === 'live' && view.table.caughtUp;
  // The table is the same object; its version says that it changed.
  const streamed = useMemo(() => view.table.rows().map((row) => decodeAlert(row.row)), [view.version]);
  const alerts = live && streamed.length > 0 ? streamed : state.alerts;
  const nowMs = Date.now();
  return (
    <>
      <div class="page-head">
        <div>
          <h1>Alerts</h1>
          <p>{live ? 'Live: changes appear as they are committed.' : 'Read once a second.'}</p>
        </div>
      </div>
      <Announcement alerts={alerts} />
      {alerts.length === 0 && state.connection.kind === 'live' && (
        <Empty
          title="All quiet"
          steps={[
            {
              text: 'To be told when something happens, put a rule beside a view of your pipeline:',
              command: ALERT_EXAMPLE,
            },
          ]}
        >
          No alert is pending or firing, and none was lately.
        </Empty>
      )}
      {alerts.length > 0 &&
        GROUPS.map(([group, title]) => (
          <Group key={group} title={title} alerts={alerts.filter((alert) => alert.state === group)} nowMs={nowMs} />
        ))}
    </>
  );
}

/** Says aloud what begins to fire while the page is open. */
function Announcement({ alerts }: { readonly alerts: readonly Alert[] }) {
  const seen = useRef<Set<string>>(undefined);
  const text = useRef('');
  const firing = alerts.filter((alert) => alert.state === 'firing');
  const fresh = seen.current === undefined ? [] : firing.filter((alert) => !seen.current?.has(alert.id));
  if (fresh.length > 0) text.current = `Firing: ${fresh.map((alert) => alert.summary || alert.rule).join('; ')}`;
  seen.current = new Set(firing.map((alert) => alert.id));
  return (
    <p class="hidden-visually" role="status">
      {text.current}
    </p>
  );
}

function Group({
  title,
  alerts,
  nowMs,
}: {
  readonly title: string;
  readonly alerts: readonly Alert[];
  readonly nowMs: number;
}) {
  const sorted = [...alerts].sort((a, b) => changedAt(b) - changedAt(a) || (a.id < b.id ? -1 : 1));
  return (
    <section class="panel" aria-label={`${title} alerts`}>
      <div class="panel-head">
        <h2>{title}</h2>
        <span class="soft small">{formatCount(alerts.length)}</span>
      </div>
      {sorted.length === 0 && <p class="panel-body soft">None.</p>}
      {sorted.slice(0, SHOWN_MAX).map((alert) => (
        <AlertEntry key={alert.id} alert={alert} nowMs={nowMs} />
      ))}
    </section>
  );
}

function AlertEntry({ alert, nowMs }: { readonly alert: Alert; readonly nowMs: number }) {
  const keys = Object.entries(alert.keys);
  const values = Object.entries(alert.row).filter(([name]) => !(name in alert.keys));
  return (
    <article class={`alert ${alert.state}`}>
      <div>
        <span class={`badge ${TONES[alert.state]}`}>{alert.state}</span>
      </div>
      <div>
        <p>
          <strong>{alert.summary || alert.rule}</strong>
        </p>
        <p class="soft small">
          {alert.rule} on <a href={hashOf('tables', alert.view)}>{alert.view}</a>
          {keys.length > 0 && `, for ${pairs(keys)}`}
        </p>
        <p class="soft small">{pairs(values)}</p>
      </div>
      <div class="small">
        <span class={`badge ${SEVERITIES[alert.severity]}`}>{alert.severity}</span>
        <p class="soft">{sinceOf(alert, nowMs)}</p>
      </div>
    </article>
  );
}

function pairs(entries: readonly (readonly [string, unknown])[]): string {
  return entries.map(([name, value]) => `${name} = ${formatCell(value)}`).join(', ');
}

function changedAt(alert: Alert): number {
  return alert.resolvedAt ?? alert.firingSince ?? alert.pendingSince ?? 0;
}

function sinceOf(alert: Alert, nowMs: number): string {
  if (alert.state === 'resolved') return `resolved at ${formatTime(alert.resolvedAt, nowMs)}`;
  const since = alert.state === 'firing' ? alert.firingSince : alert.pendingSince;
  return since === undefined ? '' : `for ${formatSpan(nowMs - since)}, since ${formatTime(since, nowMs)}`;
}
