import type { Clock } from '../base/clock.ts';
import { Kernel } from '../kernel/kernel.ts';
import type { Log } from '../log/log.ts';
import type { TopicSchema } from '../schema/topic-schema.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { Acceptor, ensureDeadLetterTopic, type SweptIngest } from './acceptor.ts';
import { KernelFramer } from './kernel-framer.ts';
import { INGEST_KERNEL_BYTES_MAX, type IngestLimits } from './limits.ts';

export interface IngestOptions {
  readonly log: Log;
  /** One that nobody else uses: each body resets its arena. Made when it is not given. */
  readonly kernel?: Kernel;
  readonly clock: Clock;
  readonly metrics: MetricRegistry;
  readonly limits?: Partial<IngestLimits>;
  /** The compiled schema of a topic; the same object while it has not changed. Undefined accepts any JSON. */
  readonly schemas: (topic: string) => TopicSchema | undefined;
}

/** The way in; makes the dead-letter topic if it is not there. */
export async function createIngest(options: IngestOptions): Promise<SweptIngest> {
  await ensureDeadLetterTopic(options.log);
  const kernel = options.kernel ?? Kernel.create({ memoryBytesMax: INGEST_KERNEL_BYTES_MAX });
  return new Acceptor({ ...options, framer: new KernelFramer(kernel) });
}
