import { formatRate } from '../state/format.ts';
import type { HistoryPoint } from '../state/history.ts';
import type { Monitor } from '../state/monitor.ts';
import { hashOf, PAGES, type PageName } from '../state/route.ts';
import { useStore } from '../state/store.ts';
import { Icon, Mark } from './icon.tsx';

const GAUGE_SECONDS = 120;

/** The navigation, and beneath it the gauge: how much water is in the channel. */
export function Rail({ monitor, page }: { readonly monitor: Monitor; readonly page: PageName }) {
  const state = useStore(monitor.state);
  const firing = state.alerts.filter((alert) => alert.state === 'firing').length;
  return (
    <header class="rail">
      <a class="brand" href={hashOf('overview')}>
        <Mark />
        Headrace
      </a>
      <nav aria-label="Console">
        <ul class="nav">
          {PAGES.map((info) => (
            <li key={info.name}>
              <a href={hashOf(info.name)} aria-current={info.name === page ? 'page' : undefined}>
                <Icon name={info.name} />
                {info.title}
                {info.name === 'alerts' && firing > 0 && (
                  <span class="count">
                    {firing}
                    <span class="hidden-visually"> firing</span>
                  </span>
                )}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <Gauge points={state.history.points.slice(-GAUGE_SECONDS)} />
    </header>
  );
}

function Gauge({ points }: { readonly points: readonly HistoryPoint[] }) {
  const values = points.map((point) => point.ingested ?? point.processed ?? 0);
  const top = Math.max(1, ...values) * 1.1;
  const x = (i: number) => (100 * (GAUGE_SECONDS - values.length + i)) / (GAUGE_SECONDS - 1);
  const line = values.map((value, i) => `${x(i).toFixed(1)},${(40 - (38 * value) / top).toFixed(1)}`).join(' ');
  const last = points.at(-1);
  return (
    <div class="gauge">
      <div class="gauge-value">
        <span>Inflow</span>
        <strong>{formatRate(last?.ingested ?? last?.processed)}</strong>
      </div>
      <svg viewBox="0 0 100 40" preserveAspectRatio="none" aria-hidden="true">
        {values.length > 1 && <polygon class="flow-fill" points={`${x(0)},40 ${line} 100,40`} />}
        {values.length > 1 && <polyline class="flow-line" points={line} />}
      </svg>
      <span>the last two minutes</span>
    </div>
  );
}
