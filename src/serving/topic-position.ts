import type { Offset } from '../base/brand.ts';
import { HeadraceError } from '../base/error.ts';
import type { TopicKind } from '../log/log.ts';
import type { PositionFrame } from './topic-record.ts';

/** The next offset to read of every partition of a topic, by partition number. */
export type TopicPosition = readonly Offset[];

/** `0:12,1:40`: the form in which a position travels (`Last-Event-ID`). */
export function formatPosition(position: TopicPosition): string {
  let text = '';
  for (let partition = 0; partition < position.length; partition++) {
    text += `${partition === 0 ? '' : ','}${partition}:${position[partition]}`;
  }
  return text;
}

/** What stands around the offset of a record of each partition in its resume offset. */
export function positionFrames(position: TopicPosition, kind: TopicKind): readonly PositionFrame[] {
  const named = position.map((at, partition) => `${partition}:${at}`);
  return named.map((_, partition) => ({
    before: named
      .slice(0, partition)
      .map((part) => `${part},`)
      .join(''),
    after: named
      .slice(partition + 1)
      .map((part) => `,${part}`)
      .join(''),
    kind,
  }));
}

/**
 * Reads what {@link formatPosition} wrote. Partitions that are not named start at `fallback`.
 *
 * @throws HeadraceError `SERVING_OFFSET_INVALID`
 */
export function parsePosition(text: string, fallback: TopicPosition): TopicPosition {
  const position = [...fallback];
  const seen = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\d{1,9}):(\d{1,16})$/.exec(part.trim());
    const partition = Number(match?.[1]);
    const next = Number(match?.[2]);
    if (match === null || partition >= fallback.length || seen.has(partition) || !Number.isSafeInteger(next)) {
      throw new HeadraceError(
        `reading the resume offset "${text.slice(0, 200)}": it is not a position in this stream`,
        {
          code: 'SERVING_OFFSET_INVALID',
          domain: 'serving',
          next: `give one "partition:offset" per partition (0 to ${fallback.length - 1}), comma separated, as the frames carry it`,
        },
      );
    }
    seen.add(partition);
    position[partition] = next as Offset;
  }
  return position;
}
