import { HeadraceError } from '../base/error.ts';
import { SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, TOPIC_NAME_LENGTH_MAX, TOPIC_PARTITIONS_MAX } from './limits.ts';
import type { TopicConfig } from './log.ts';

const inRange = (value: number, min: number, max: number): boolean =>
  Number.isSafeInteger(value) && value >= min && value <= max;

/** @throws HeadraceError `LOG_TOPIC_NAME_INVALID`, `LOG_TOPIC_CONFIG_INVALID` */
export function checkTopicConfig(config: TopicConfig): void {
  const { name } = config;
  if (!/^[A-Za-z0-9._-]+$/.test(name) || name.length > TOPIC_NAME_LENGTH_MAX || name === '.' || name === '..') {
    throw new HeadraceError(`creating topic "${name}": that cannot be a topic's name`, {
      code: 'LOG_TOPIC_NAME_INVALID',
      domain: 'log',
      next: `use 1 to ${TOPIC_NAME_LENGTH_MAX} of the letters a-z and A-Z, digits, ".", "_" and "-"`,
    });
  }
  if (!inRange(config.partitions, 1, TOPIC_PARTITIONS_MAX)) {
    throw invalid(name, `${config.partitions} partitions`, `use 1 to ${TOPIC_PARTITIONS_MAX}`);
  }
  if (!inRange(config.segmentBytesMax, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX)) {
    const range = `use ${SEGMENT_BYTES_MIN} to ${SEGMENT_BYTES_MAX} bytes`;
    throw invalid(name, `segments of ${config.segmentBytesMax} bytes`, range);
  }
}

function invalid(name: string, what: string, next: string): HeadraceError {
  return new HeadraceError(`creating topic "${name}": it cannot have ${what}`, {
    code: 'LOG_TOPIC_CONFIG_INVALID',
    domain: 'log',
    next,
  });
}
