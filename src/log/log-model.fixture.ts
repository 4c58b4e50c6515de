import { textOf } from '../base/bytes.ts';
import type { Log } from './log.ts';
import { decodeRecordBatches } from './record-batch.ts';

/** What a simulated log should hold: plain maps and lists, and no idea of rounds, files or disks. */

export interface ModelTopic {
  readonly name: string;
  /** One topic of a name after another. */
  readonly life: number;
  readonly partitions: number;
  readonly logStarts: number[];
  readonly hasRetention: boolean;
  state: 'present' | 'absent' | 'unknown';
}

/** `unknown`: writing ended before an answer; it happened wholly or not at all, and the next start shows which. */
export type Outcome = 'pending' | 'done' | 'refused' | 'unknown';

export interface ModelAppend {
  readonly topic: ModelTopic;
  readonly partition: number;
  readonly values: readonly string[];
  readonly timestamps: readonly number[];
  baseOffset: number;
}

export interface ModelCommit {
  readonly id: number;
  readonly appends: readonly ModelAppend[];
  /** The ledger key that is there if the commit is. Batches of producers have none. */
  readonly marker: string | undefined;
  outcome: Outcome;
}

interface Found {
  readonly offset: number;
  readonly timestamp: number;
}

/** Everything readable of one partition, by value; fails on a gap or a repetition. */
export function readPartition(log: Log, topic: string, partition: number, bufferBytes: number): Map<string, Found> {
  const { logStart, highWatermark } = log.bounds(topic, partition);
  const found = new Map<string, Found>();
  const reader = log.reader(topic, partition, logStart);
  const target = new Uint8Array(bufferBytes);
  let next: number = logStart;
  for (let bytes = reader.readInto(target); bytes > 0; bytes = reader.readInto(target)) {
    for (const batch of decodeRecordBatches(target.subarray(0, bytes))) {
      for (const record of batch.entries()) {
        const value = textOf(record.value!).split('|')[0]!;
        const where = `${topic}/${partition} offset ${record.offset}`;
        if (record.offset !== next) throw new Error(`${where}: expected offset ${next}`);
        if (found.has(value)) throw new Error(`${where}: "${value}" is there twice`);
        found.set(value, { offset: record.offset, timestamp: record.timestamp });
        next++;
      }
    }
  }
  reader.close();
  if (next !== highWatermark) throw new Error(`${topic}/${partition}: read to ${next}, visible to ${highWatermark}`);
  return found;
}

export class LogModel {
  readonly topics: ModelTopic[] = [];
  readonly commits: ModelCommit[] = [];
  readonly bufferBytes: number;

  constructor(bufferBytes: number) {
    this.bufferBytes = bufferBytes;
  }

  topic(name: string): ModelTopic | undefined {
    return this.topics.findLast((topic) => topic.name === name && topic.state !== 'absent');
  }

  /** The log is quiet: what it holds must be what was answered. After a restart the unknown becomes known. */
  verify(log: Log, restarted: boolean): void {
    for (const topic of this.topics) this.#verifyTopic(log, topic, restarted);
    const found = new Map<string, Found & { readonly topic: ModelTopic; readonly partition: number }>();
    for (const topic of this.topics.filter((t) => t.state === 'present')) {
      for (let partition = 0; partition < topic.partitions; partition++) {
        this.#verifyBounds(log, topic, partition);
        for (const [value, place] of readPartition(log, topic.name, partition, this.bufferBytes)) {
          found.set(value, { ...place, topic, partition });
        }
      }
    }
    const known = new Set<string>();
    let droppedBefore: ModelCommit | undefined;
    for (const commit of this.commits) {
      if (commit.outcome === 'unknown' && restarted) {
        const isThere = this.#settle(log, commit, found);
        commit.outcome = isThere ? 'done' : 'refused';
        if (commit.marker !== undefined && isThere && droppedBefore !== undefined) {
          throw new Error(`commit ${commit.id} is there, ${droppedBefore.id} that was sent before it is not`);
        }
        if (commit.marker !== undefined && !isThere) droppedBefore = commit;
      }
      this.#verifyCommit(log, commit, found, known);
    }
    for (const [value, { topic, partition }] of found) {
      if (!known.has(value))
        throw new Error(`${topic.name}/${partition} holds "${value}", which was refused or never sent`);
    }
  }

  #verifyTopic(log: Log, topic: ModelTopic, restarted: boolean): void {
    if (this.topics.findLast((other) => other.name === topic.name) !== topic) return;
    const isThere = log.topic(topic.name) !== undefined;
    if (topic.state === 'unknown' && restarted) topic.state = isThere ? 'present' : 'absent';
    if (topic.state === 'present' && !isThere) throw new Error(`topic ${topic.name} is gone`);
    if (topic.state === 'absent' && isThere) throw new Error(`topic ${topic.name} is there, though it was deleted`);
  }

  #verifyBounds(log: Log, topic: ModelTopic, partition: number): void {
    const { logStart } = log.bounds(topic.name, partition);
    const before = topic.logStarts[partition]!;
    if (logStart < before) throw new Error(`${topic.name}/${partition} begins at ${logStart}, was ${before}`);
    if (logStart > before && !topic.hasRetention) throw new Error(`${topic.name}/${partition} lost its beginning`);
    topic.logStarts[partition] = logStart;
  }

  #settle(log: Log, commit: ModelCommit, found: ReadonlyMap<string, Found>): boolean {
    const isThere =
      commit.marker === undefined
        ? commit.appends.every((append) => append.values.every((value) => found.has(value)))
        : log.ledgerGet('marks', commit.marker) !== undefined;
    if (!isThere) return false;
    for (const append of commit.appends) {
      append.baseOffset = found.get(append.values[0]!)?.offset ?? -1;
      const { topic, partition } = append;
      if (append.baseOffset < 0 && topic.state === 'present' && !topic.hasRetention) {
        throw new Error(`commit ${commit.id} is there in part: not in ${topic.name}/${partition}`);
      }
    }
    return true;
  }

  #verifyCommit(log: Log, commit: ModelCommit, found: ReadonlyMap<string, Found>, known: Set<string>): void {
    const { marker, outcome } = commit;
    if (marker !== undefined && (outcome === 'done') !== (log.ledgerGet('marks', marker) !== undefined)) {
      throw new Error(`commit ${commit.id} is ${outcome}, its ledger entry says otherwise`);
    }
    if (outcome !== 'done') return;
    for (const append of commit.appends) {
      if (append.topic.state !== 'present') continue;
      append.values.forEach((value, i) => {
        known.add(value);
        const expected = append.baseOffset + i;
        const place = found.get(value);
        const gone = append.topic.logStarts[append.partition]!;
        if (place === undefined && append.baseOffset >= 0 && expected >= gone) {
          throw new Error(
            `"${value}" was acknowledged at ${append.topic.name}/${append.partition} offset ${expected} and is gone`,
          );
        }
        if (place !== undefined && (place.offset !== expected || place.timestamp !== append.timestamps[i])) {
          throw new Error(`"${value}" is at offset ${place.offset}, acknowledged was ${expected}`);
        }
      });
    }
  }

  /** First offset at or after `time` of what is readable now. */
  offsetAtTime(log: Log, topic: string, partition: number, time: number): number {
    for (const { offset, timestamp } of readPartition(log, topic, partition, this.bufferBytes).values()) {
      if (timestamp >= time) return offset;
    }
    return log.bounds(topic, partition).highWatermark;
  }
}
