import type { SealedSegment } from '../disk.ts';
import type { PartitionState } from '../log-state.ts';

export interface CompactionRules {
  /** What lies at or beyond this stays as it is: somebody reads from there on, and must find what was written. */
  readonly limit: number;
  readonly now: number;
  /** What is younger stays as it is. */
  readonly lagMs: number;
  /** Compacts when what is not compacted yet is so large a part of it all. */
  readonly dirtyRatio: number;
}

export interface CompactionPlan {
  /** Oldest first, without a gap: those that are compacted already, then those that are not. */
  readonly clean: readonly SealedSegment[];
  readonly dirty: readonly SealedSegment[];
}

/** What of a partition should be compacted; undefined when it is not worth it yet. Never the active segment. Pure. */
export function compactionPlan(
  { segments }: Pick<PartitionState, 'segments'>,
  { limit, now, lagMs, dirtyRatio }: CompactionRules,
): CompactionPlan | undefined {
  const clean: SealedSegment[] = [];
  const dirty: SealedSegment[] = [];
  for (let i = 0; i + 1 < segments.length; i++) {
    const { base, version, length, maxTimestamp } = segments[i]!;
    const end = segments[i + 1]!.base;
    if (end > limit || (version === 0 && maxTimestamp > now - lagMs)) break;
    (version > 0 ? clean : dirty).push({ base, version, length, end });
  }
  const dirtyBytes = bytesOf(dirty);
  if (dirty.length === 0 || dirtyBytes < dirtyRatio * (bytesOf(clean) + dirtyBytes)) return undefined;
  return { clean, dirty };
}

/** Neighbours that fit together into one segment; a large one stays alone. Pure. */
export function compactionGroups(segments: readonly SealedSegment[], bytesMax: number): SealedSegment[][] {
  const groups: SealedSegment[][] = [];
  let bytes = 0;
  for (const segment of segments) {
    const group = groups[groups.length - 1];
    if (group === undefined || bytes + segment.length > bytesMax) {
      groups.push([segment]);
      bytes = segment.length;
    } else {
      group.push(segment);
      bytes += segment.length;
    }
  }
  return groups;
}

function bytesOf(segments: readonly SealedSegment[]): number {
  return segments.reduce((sum, { length }) => sum + length, 0);
}
