import { describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import { createLogger, type LoggerOptions } from './logger.ts';
import { collectProcessMetrics } from './process-metrics.ts';
import { createMetrics, SERIES_PER_FAMILY_MAX } from './registry.ts';
import { noTracing, openTelemetryTracing, parseTraceparent } from './tracing.ts';

describe('the metric registry', () => {
  it('exposes families in the text format', () => {
    const metrics = createMetrics();
    metrics.counter('a_total', 'What\nis', ['topic']).add(2, { topic: 'x"\\\n' });
    metrics.gauge('b', 'B').set(-1.5);
    expect(metrics.expose()).toBe(
      '# HELP a_total What\\nis\n# TYPE a_total counter\na_total{topic="x\\"\\\\\\n"} 2\n# HELP b B\n# TYPE b gauge\nb -1.5\n',
    );
  });

  it('describes its families, for the reference', () => {
    const metrics = createMetrics();
    metrics.counter('b_total', 'B', ['topic']);
    metrics.gauge('a', 'A');
    expect(metrics.describe()).toEqual([
      { name: 'a', type: 'gauge', help: 'A', labelNames: [] },
      { name: 'b_total', type: 'counter', help: 'B', labelNames: ['topic'] },
    ]);
  });

  it('counts observations into cumulative buckets', () => {
    const metrics = createMetrics();
    const histogram = metrics.histogram('h_seconds', 'H', [0.1, 1]);
    for (const value of [0.1, 0.5, 2]) histogram.observe(value);
    expect(metrics.expose()).toContain(
      'h_seconds_bucket{le="0.1"} 1\nh_seconds_bucket{le="1"} 2\nh_seconds_bucket{le="+Inf"} 3\nh_seconds_sum 2.6\nh_seconds_count 3\n',
    );
    expect(histogram.quantile(0.5)).toBe(0.5);
  });

  it('weighs quantiles by the number of observations', () => {
    const histogram = createMetrics().histogram('h_seconds', 'H', [1]);
    histogram.observe(5, undefined, 1);
    histogram.observe(1, undefined, 98);
    histogram.observe(9, undefined, 1);
    expect([0.5, 0.98, 0.99, 1].map((q) => histogram.quantile(q))).toEqual([1, 1, 5, 9]);
  });

  it('gives the same family for the same name, and refuses another type', () => {
    const metrics = createMetrics();
    metrics.counter('a_total', 'A').add(1);
    metrics.counter('a_total', 'A').add(1);
    expect(metrics.snapshot()).toEqual([{ name: 'a_total', labels: {}, value: 2 }]);
    expect(() => metrics.gauge('a_total', 'A')).toThrow('another type');
  });

  it('bounds the number of series', () => {
    const metrics = createMetrics();
    const counter = metrics.counter('a_total', 'A', ['x']);
    for (let i = 0; i < SERIES_PER_FAMILY_MAX + 10; i++) counter.add(1, { x: String(i) });
    const samples = metrics.snapshot();
    expect(samples.length).toBe(SERIES_PER_FAMILY_MAX + 1);
    expect(samples.at(-1)).toEqual({ name: 'a_total', labels: { x: '_other' }, value: 10 });
  });

  it('tells label values apart however they are cut', () => {
    const metrics = createMetrics();
    const counter = metrics.counter('a_total', 'A', ['x', 'y']);
    counter.add(1, { x: 'a', y: 'bc' });
    counter.add(1, { x: 'ab', y: 'c' });
    expect(metrics.snapshot().length).toBe(2);
  });

  it('reads the process at each scrape', () => {
    const metrics = createMetrics();
    const stop = collectProcessMetrics(metrics, '.');
    const names = new Set(metrics.snapshot().map((sample) => sample.name));
    stop();
    for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'headrace_disk_free_bytes']) {
      expect(names).toContain(name);
    }
  });
});

describe('the logger', () => {
  const lines = (options: Partial<LoggerOptions>) => {
    const written: string[] = [];
    const write = (line: string) => void written.push(line);
    return {
      written,
      logger: createLogger({ level: 'info', format: 'text', write, clock: new ManualClock(0), ...options }),
    };
  };

  it('writes text lines with fields', () => {
    const { written, logger } = lines({});
    logger.child({ door: 'http' }).info('listening', { port: 8080, what: 'a b' });
    expect(written).toEqual(['1970-01-01T00:00:00.000Z INFO  listening door=http port=8080 what="a b"\n']);
  });

  it('writes JSON lines', () => {
    const { written, logger } = lines({ format: 'json' });
    logger.warn('slow', { ms: 12n });
    expect(JSON.parse(written[0]!)).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      level: 'warn',
      message: 'slow',
      ms: '12',
    });
  });

  it('leaves out what is below its level', () => {
    const { written, logger } = lines({ level: 'warn' });
    logger.info('x');
    expect(written).toEqual([]);
  });

  it('never writes secrets', () => {
    const token = `hr_0123456789ab_${'A'.repeat(43)}`;
    const { written, logger } = lines({ secrets: ['hunter22'] });
    logger.info(`with ${token} and hunter22`, {
      password: 'p4ss',
      headers: { authorization: 'Bearer abcdefghijkl', cookie: 'c=1' },
      url: 'postgres://me:p4ss@db/x',
      apiKey: 'k1',
    });
    for (const secret of [token, 'hunter22', 'p4ss', 'abcdefghijkl', 'c=1', 'k1'])
      expect(written[0]).not.toContain(secret);
  });

  it('keeps a line one line', () => {
    const { written, logger } = lines({});
    logger.info('a\nb\u001b[31m', { x: 'c\nd' });
    expect(written[0]!.split('\n').length).toBe(2);
    expect(written[0]).not.toContain('\u001b');
  });

  it('writes errors by code and message, without a stack', () => {
    const { written, logger } = lines({ format: 'json' });
    logger.error('failed', { error: new HeadraceError('reading x: gone', { code: 'LOG_CORRUPT', domain: 'log' }) });
    expect(JSON.parse(written[0]!)).toMatchObject({ error: 'reading x: gone', error_code: 'LOG_CORRUPT' });
    expect(written[0]).not.toContain('stack');
  });
});

describe('tracing', () => {
  it('runs work without a provider, and passes errors through', async () => {
    const tracing = await openTelemetryTracing('0.0.0');
    expect(tracing.span('x', {}, () => 1)).toBe(1);
    await expect(tracing.span('x', {}, async () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(noTracing.span('x', {}, () => 2)).toBe(2);
  });

  it('reads traceparent', () => {
    const header = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    expect(parseTraceparent(header)).toEqual({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      sampled: true,
    });
    expect(parseTraceparent(`00-${'0'.repeat(32)}-b7ad6b7169203331-01`)).toBeUndefined();
    expect(parseTraceparent('x')).toBeUndefined();
  });
});
