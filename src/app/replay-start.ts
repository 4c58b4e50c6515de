import { timestampMs } from '../base/brand.ts';
import { HeadraceError } from '../base/error.ts';
import type { TopicOffset } from '../engine/version/pipeline-record.ts';
import type { Log } from '../log/log.ts';

/**
 * Where a replay begins in each partition of some topics: `earliest`; a time (ISO 8601), for the first record that was received then
 * or later; an offset, of the only partition that there is; or offsets by partition, `orders/0:1000,orders/1:900`, all others from
 * their start.
 *
 * @throws HeadraceError `ENGINE_REPLAY_START`
 */
export function replayStart(log: Log, topics: readonly string[], text: string): readonly TopicOffset[] {
  const partitions = topics.flatMap((topic) =>
    Array.from({ length: log.topic(topic)?.partitions ?? 0 }, (_, partition) => log.bounds(topic, partition)),
  );
  const starts = partitions.map(({ topic, partition, logStart }) => ({ topic, partition, offset: Number(logStart) }));
  if (text === 'earliest') return starts;
  if (/^\d+$/.test(text)) {
    if (starts.length !== 1) throw unclear(text, `the pipeline reads ${starts.length} partitions`, starts);
    return [checked(log, { ...starts[0]!, offset: Number(text) })];
  }
  if (/^[\w.-]+\/\d+:\d+(,|$)/.test(text)) {
    const named = text.split(',').map((part) => placeNamed(part, starts));
    return starts.map((start) =>
      checked(log, named.find((at) => at.topic === start.topic && at.partition === start.partition) ?? start),
    );
  }
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw unclear(text, 'it is neither an offset nor a time', starts);
  return starts.map(({ topic, partition }) => ({
    topic,
    partition,
    offset: Number(log.offsetAtTime(topic, partition, timestampMs(time))),
  }));
}

function placeNamed(part: string, starts: readonly TopicOffset[]): TopicOffset {
  const [, topic, partition, offset] = /^([\w.-]+)\/(\d+):(\d+)$/.exec(part) ?? [];
  const known = starts.find((start) => start.topic === topic && start.partition === Number(partition));
  if (known === undefined) throw unclear(part, 'the pipeline reads no such partition', starts);
  return { ...known, offset: Number(offset) };
}

function checked(log: Log, at: TopicOffset): TopicOffset {
  const { logStart, highWatermark } = log.bounds(at.topic, at.partition);
  if (at.offset >= logStart && at.offset <= highWatermark) return at;
  throw unclear(String(at.offset), `${at.topic}/${at.partition} holds offsets ${logStart} to ${highWatermark}`, [
    { ...at, offset: Number(logStart) },
  ]);
}

function unclear(text: string, why: string, starts: readonly TopicOffset[]): HeadraceError {
  const example = starts.map(({ topic, partition, offset }) => `${topic}/${partition}:${offset}`).join(',');
  return new HeadraceError(`replaying from "${text}": ${why}`, {
    code: 'ENGINE_REPLAY_START',
    domain: 'engine',
    next: `write "earliest", a time as 2026-01-31T12:00:00Z, or ${example}`,
  });
}
