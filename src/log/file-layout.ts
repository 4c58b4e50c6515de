import { join } from 'node:path';

/**
 * ```
 * <dataDir>/LOCK                                   who owns it
 * <dataDir>/commit/<generation>.checkpoint         the state before the commit log of that generation
 * <dataDir>/commit/<generation>.log                commit logs; rounds go on from one to the next
 * <dataDir>/topics/<topic>/<partition>/<base>.log  a segment: RecordBatch v2, nothing else, then perhaps zeros
 * <dataDir>/topics/<topic>/<partition>/<base>.index  its sparse index
 * <dataDir>/topics/<topic>/<partition>/<base>-<version>.log, .index  the same after compaction
 * ```
 */
export const commitDirectory = (dataDir: string): string => join(dataDir, 'commit');
export const commitLogPath = (dataDir: string, generation: number): string =>
  join(dataDir, 'commit', `${generationName(generation)}.log`);
export const checkpointPath = (dataDir: string, generation: number): string =>
  join(dataDir, 'commit', `${generationName(generation)}.checkpoint`);
/** A checkpoint that is being written; it counts once it is renamed. */
export const unfinishedCheckpointPath = (dataDir: string): string =>
  join(dataDir, 'commit', unfinishedName('checkpoint'));
/** The one commit log of format version 1. */
export const firstFormatPath = (dataDir: string): string => join(dataDir, 'commit', 'commits.log');

const generationName = (generation: number): string => String(generation).padStart(10, '0');

/** Generation of a file name in the commit directory that ends so; undefined for any other name. */
export function generationOf(name: string, extension: '.log' | '.checkpoint'): number | undefined {
  return /^\d{10}\./.test(name) && name.slice(10) === extension ? Number(name.slice(0, 10)) : undefined;
}

export const topicsDirectory = (dataDir: string): string => join(dataDir, 'topics');
export const topicDirectory = (dataDir: string, topic: string): string => join(dataDir, 'topics', topic);
export const partitionDirectory = (dataDir: string, topic: string, partition: number): string =>
  join(dataDir, 'topics', topic, String(partition));

/** A segment's file: compaction writes a new one beside the old, so that which of them counts is a matter of one record. */
export interface SegmentFile {
  readonly base: number;
  /** 0 as it was written; each compaction has a higher one. */
  readonly version: number;
}

export const segmentName = (file: SegmentFile): string => `${stemOf(file)}.log`;
export const indexName = (file: SegmentFile): string => `${stemOf(file)}.index`;

/** Twenty digits, as Kafka's, so that names sort as numbers. */
function stemOf({ base, version }: SegmentFile): string {
  const digits = String(base).padStart(20, '0');
  return version === 0 ? digits : `${digits}-${version}`;
}

const SEGMENT_NAME = /^(\d{20})(?:-(\d+))?\.(?:log|index)$/;

/** The segment of a file name; undefined for any other name. */
export function segmentFile(name: string, extension: '.log' | '.index'): SegmentFile | undefined {
  const found = name.endsWith(extension) ? SEGMENT_NAME.exec(name) : null;
  return found === null ? undefined : { base: Number(found[1]), version: Number(found[2] ?? 0) };
}

/** A file that is being written, until it is renamed. */
export const unfinishedName = (name: string): string => `${name}.unfinished`;
export const isUnfinishedName = (name: string): boolean => name.endsWith('.unfinished');
