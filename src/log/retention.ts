import type { TopicConfig } from './log.ts';
import type { PartitionState } from './log-state.ts';

/**
 * The new log start of a partition, or undefined when nothing goes. By time: segments whose newest record is too old,
 * the active one included. By size: the oldest, while the rest still fills the limit; never the active one. Stops at
 * the segment that holds the lowest pinned offset. Pure.
 */
export function retentionStart(
  partition: Pick<PartitionState, 'segments' | 'end' | 'bytes' | 'logStart'>,
  config: Pick<TopicConfig, 'retentionMs' | 'retentionBytes'>,
  now: number,
  pinned: number,
): number | undefined {
  const { segments } = partition;
  let bytes = partition.bytes;
  let start = partition.logStart;
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i]!;
    const end = segments[i + 1]?.base ?? partition.end;
    if (end > pinned) break;
    const tooOld = config.retentionMs !== undefined && segment.maxTimestamp < now - config.retentionMs;
    const isActive = i === segments.length - 1;
    const tooMuch = config.retentionBytes !== undefined && !isActive && bytes - segment.length >= config.retentionBytes;
    if (!tooOld && !tooMuch) break;
    bytes -= segment.length;
    start = end;
  }
  return start > partition.logStart ? start : undefined;
}
