import { join } from 'node:path';

/**
 * ```
 * <dataDir>/LOCK                                   who owns it
 * <dataDir>/commit/commits.log                     the commit log
 * <dataDir>/topics/<topic>/<partition>/<base>.log  a segment: RecordBatch v2, nothing else, then perhaps zeros
 * <dataDir>/topics/<topic>/<partition>/<base>.index  its sparse index
 * ```
 */
export const commitDirectory = (dataDir: string): string => join(dataDir, 'commit');
export const commitLogPath = (dataDir: string): string => join(dataDir, 'commit', 'commits.log');
export const nextCommitLogPath = (dataDir: string): string => join(dataDir, 'commit', 'commits.next');
export const topicsDirectory = (dataDir: string): string => join(dataDir, 'topics');
export const topicDirectory = (dataDir: string, topic: string): string => join(dataDir, 'topics', topic);
export const partitionDirectory = (dataDir: string, topic: string, partition: number): string =>
  join(dataDir, 'topics', topic, String(partition));

/** Twenty digits, as Kafka's, so that names sort as numbers. */
export const segmentName = (base: number): string => `${String(base).padStart(20, '0')}.log`;
export const indexName = (base: number): string => `${String(base).padStart(20, '0')}.index`;

/** Base offset of a segment's file name; undefined for any other name. */
export function segmentBase(name: string): number | undefined {
  return /^\d{20}\.log$/.test(name) ? Number(name.slice(0, 20)) : undefined;
}
