import type { SinkConnector, SinkStatus } from '../connector/connector.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';

/** What the gauge of a sink's circuit breaker shows. */
const BREAKER_VALUES: Readonly<Record<SinkStatus['breaker'], number>> = { closed: 0, 'half-open': 1, open: 2 };
/** What is only ever added to, of a sink. */
type Counts = Pick<SinkStatus, 'records' | 'deliveries' | 'retries' | 'refused'>;
const NONE: Counts = { records: 0, deliveries: 0, retries: 0, refused: 0 };

/** Registers what sinks have delivered and how far behind they are; read at each scrape. */
export function collectSinkMetrics(metrics: MetricRegistry, sinks: () => Iterable<SinkConnector>): void {
  const records = metrics.counter('headrace_sink_records_total', 'Rows that a sink has delivered', ['sink']);
  const deliveries = metrics.counter('headrace_sink_deliveries_total', 'Batches that the target of a sink has taken', [
    'sink',
  ]);
  const retries = metrics.counter('headrace_sink_retries_total', 'Attempts of a sink that followed one that failed', [
    'sink',
  ]);
  const letters = metrics.counter('headrace_dead_letters_total', 'Dead letters written', ['reason']);
  const lag = metrics.gauge('headrace_sink_lag_records', 'Records of its topic that a sink has not delivered', [
    'sink',
  ]);
  const failing = metrics.gauge('headrace_sink_failing', '1 while a sink has failed or tries again', ['sink']);
  const breaker = metrics.gauge(
    'headrace_sink_breaker_state',
    'Circuit breaker of a sink: 0 closed, 1 half open, 2 open (its target is left alone)',
    ['sink'],
  );
  const seen = new WeakMap<SinkConnector, Counts>();
  metrics.onCollect(() => {
    for (const connector of sinks()) {
      const status = connector.status();
      const before = seen.get(connector) ?? NONE;
      seen.set(connector, status);
      const labels = { sink: connector.name };
      records.add(status.records - before.records, labels);
      deliveries.add(status.deliveries - before.deliveries, labels);
      retries.add(status.retries - before.retries, labels);
      if (status.refused > before.refused) letters.add(status.refused - before.refused, { reason: 'sink' });
      lag.set(status.lagRecords, labels);
      failing.set(status.error === undefined ? 0 : 1, labels);
      breaker.set(BREAKER_VALUES[status.breaker], labels);
    }
  });
}
