import type { SinkConnector } from '../connector/connector.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';

/** Registers what sinks have delivered and how far behind they are; read at each scrape. */
export function collectSinkMetrics(metrics: MetricRegistry, sinks: () => Iterable<SinkConnector>): void {
  const records = metrics.counter('headrace_sink_records_total', 'Rows that a sink has delivered', ['sink']);
  const letters = metrics.counter('headrace_dead_letters_total', 'Dead letters written', ['reason']);
  const lag = metrics.gauge('headrace_sink_lag_records', 'Records of its topic that a sink has not delivered', [
    'sink',
  ]);
  const failing = metrics.gauge('headrace_sink_failing', '1 while a sink has failed or tries again', ['sink']);
  const seen = new WeakMap<SinkConnector, { readonly records: number; readonly refused: number }>();
  metrics.onCollect(() => {
    for (const connector of sinks()) {
      const status = connector.status();
      const before = seen.get(connector) ?? { records: 0, refused: 0 };
      seen.set(connector, { records: status.records, refused: status.refused });
      const labels = { sink: connector.name };
      records.add(status.records - before.records, labels);
      if (status.refused > before.refused) letters.add(status.refused - before.refused, { reason: 'sink' });
      lag.set(status.lagRecords, labels);
      failing.set(status.error === undefined ? 0 : 1, labels);
    }
  });
}
