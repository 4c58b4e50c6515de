import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { readTime, writeTime } from '../state-value.ts';
import { type Timed, TimeHeap } from './time-heap.ts';

/** Rows of one key of which each is no more than the gap after the one before. */
export interface Session<Body> extends Timed {
  readonly owner: SessionKey<Body>;
  /** Times of its first and last row, µs. */
  first: bigint;
  last: bigint;
  /** The end of its window: the last time and the gap. */
  end: bigint;
  readonly body: Body;
  gone: boolean;
  /** Listed among the changed sessions of the epoch. */
  changed: boolean;
}

/** The sessions of one key, earliest first. */
export interface SessionKey<Body> {
  readonly key: unknown;
  readonly values: readonly unknown[];
  readonly sessions: Session<Body>[];
  /** The last time of a session that was closed: a row that would belong to it is late. */
  closed: bigint | undefined;
}

/** What a session holds of its rows. */
export interface SessionBodies<Body> {
  make(): Body;
  /** Puts all that `from` holds into `into`; `from` is not used again. */
  merge(into: Body, from: Body): void;
}

/**
 * Sessions by key. Rows in any order: one that lies between two sessions joins them. A session is closed when the watermark has passed
 * its last time plus the gap, since a row exactly that much later still belongs to it. What a key needs to tell that a row is late for
 * a session that was closed is kept for one more gap: then every such row is late by itself.
 */
export class SessionTable<Body> {
  readonly gap: bigint;
  readonly #bodies: SessionBodies<Body>;
  readonly #keys = new Map<unknown, SessionKey<Body>>();
  readonly #heap = new TimeHeap<Session<Body>>();
  /** Keys with a closed session, in the order of its time. */
  #closed: { readonly at: bigint; readonly owner: SessionKey<Body> }[] = [];
  #nextId = 0;
  #size = 0;

  constructor(gap: bigint, bodies: SessionBodies<Body>) {
    this.gap = gap;
    this.#bodies = bodies;
  }

  /** Sessions that are open. */
  get size(): number {
    return this.#size;
  }

  /** The session that holds the time of a row that is there. */
  find(key: unknown, time: bigint): Session<Body> | undefined {
    return this.#keys.get(key)?.sessions.find((session) => session.first <= time && time <= session.last);
  }

  /** What a key has; undefined when it has nothing. */
  known(key: unknown): SessionKey<Body> | undefined {
    return this.#keys.get(key);
  }

  /** Whether the session of a row was closed, at the watermark `passed`. `known` is what its key has. */
  isLate(known: SessionKey<Body> | undefined, time: bigint, passed: bigint): boolean {
    if (time + this.gap < passed) return true;
    if (known === undefined) return false;
    if (known.closed !== undefined && time <= known.closed + this.gap) return true;
    for (const { first, end } of known.sessions) {
      if (end < passed && time <= end && first - this.gap <= time) return true;
    }
    return false;
  }

  /** Makes a place for a key that has nothing yet; a session is to follow. */
  addKey(key: unknown, values: readonly unknown[]): SessionKey<Body> {
    const owner: SessionKey<Body> = { key, values, sessions: [], closed: undefined };
    this.#keys.set(key, owner);
    return owner;
  }

  /** The session of a row that comes and is not late: a new one, one that it makes longer, or what it makes of two. */
  join(owner: SessionKey<Body>, time: bigint): Session<Body> {
    const { sessions } = owner;
    // Most rows come about in order: their session is among the last.
    let at = sessions.length;
    while (at > 0 && sessions[at - 1]!.first > time) at--;
    const before = sessions[at - 1];
    const after = sessions[at];
    const joinsBefore = before !== undefined && time <= before.end;
    const joinsAfter = after !== undefined && after.first - this.gap <= time;
    if (joinsBefore) {
      if (joinsAfter) this.#mergeNext(before, at);
      else if (time > before.last) this.#setLast(before, time);
      return before;
    }
    if (!joinsAfter) return this.#add(owner, at, time, time, this.#bodies.make());
    after.first = time;
    return after;
  }

  #setLast(session: Session<Body>, last: bigint): void {
    session.last = last;
    session.end = last + this.gap;
  }

  #mergeNext(into: Session<Body>, at: number): void {
    const from = into.owner.sessions[at]!;
    this.#setLast(into, from.last);
    this.#bodies.merge(into.body, from.body);
    this.remove(from);
  }

  #add(
    owner: SessionKey<Body>,
    at: number,
    first: bigint,
    last: bigint,
    body: Body,
    id = this.#nextId++,
  ): Session<Body> {
    const session: Session<Body> = {
      id,
      owner,
      first,
      last,
      end: last + this.gap,
      body,
      gone: false,
      changed: false,
      waits: undefined,
      due() {
        return this.end;
      },
    };
    owner.sessions.splice(at, 0, session);
    this.#heap.add(session);
    this.#size++;
    return session;
  }

  /** Makes a session of its own of the later part of one: its body holds no more than the part before. */
  split(session: Session<Body>, last: bigint, next: { readonly first: bigint; readonly body: Body }): Session<Body> {
    const { owner } = session;
    const added = this.#add(owner, owner.sessions.indexOf(session) + 1, next.first, session.last, next.body);
    this.shorten(session, session.first, last);
    return added;
  }

  /** The first or the last row of a session has gone. */
  shorten(session: Session<Body>, first: bigint, last: bigint): void {
    session.first = first;
    if (last < session.last) {
      this.#setLast(session, last);
      this.#heap.add(session);
    }
  }

  remove(session: Session<Body>): void {
    const { owner } = session;
    session.gone = true;
    owner.sessions.splice(owner.sessions.indexOf(session), 1);
    this.#size--;
    if (owner.sessions.length === 0 && owner.closed === undefined) this.#keys.delete(owner.key);
  }

  /** The earliest watermark at which a session closes. */
  nextTimer(): bigint | undefined {
    const end = this.#heap.next();
    return end === undefined ? undefined : end + 1n;
  }

  /** Takes out the sessions that end before the watermark, in the order of their ends. */
  close(watermark: bigint): readonly Session<Body>[] {
    const closed: Session<Body>[] = [];
    for (const session of this.#heap.takeBefore(watermark)) {
      closed.push(session);
      const { owner } = session;
      owner.closed = session.last;
      this.remove(session);
      this.#closed.push({ at: session.last, owner });
    }
    this.#forget(watermark);
    return closed;
  }

  #forget(watermark: bigint): void {
    let done = 0;
    for (; done < this.#closed.length; done++) {
      const { at, owner } = this.#closed[done]!;
      if (at + 2n * this.gap >= watermark) break;
      if (owner.closed !== at) continue;
      owner.closed = undefined;
      if (owner.sessions.length === 0) this.#keys.delete(owner.key);
    }
    if (done > 0) this.#closed = this.#closed.slice(done);
  }

  /** By key, in the order in which the keys came. */
  snapshot(writer: ByteWriter, writeKey: (values: readonly unknown[]) => void, writeBody: (body: Body) => void): void {
    writer.u64(this.#nextId);
    writer.varint(this.#keys.size);
    for (const { values, closed, sessions } of this.#keys.values()) {
      writeKey(values);
      writeTime(writer, closed);
      writer.varint(sessions.length);
      for (const { id, first, last, body } of sessions) {
        writer.u64(id);
        writer.i64(first);
        writer.i64(last);
        writeBody(body);
      }
    }
  }

  restore(
    reader: ByteReader,
    readKey: () => { readonly key: unknown; readonly values: readonly unknown[] },
    readBody: () => Body,
  ): void {
    this.#nextId = reader.u64();
    for (let keys = reader.unsigned(); keys > 0; keys--) {
      const owner: SessionKey<Body> = { ...readKey(), closed: readTime(reader), sessions: [] };
      this.#keys.set(owner.key, owner);
      if (owner.closed !== undefined) this.#closed.push({ at: owner.closed, owner });
      for (let sessions = reader.unsigned(); sessions > 0; sessions--) {
        const id = reader.u64();
        const first = reader.i64();
        const last = reader.i64();
        this.#add(owner, owner.sessions.length, first, last, readBody(), id);
      }
    }
    this.#closed.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  }

  clear(): void {
    this.#keys.clear();
    this.#heap.clear();
    this.#closed = [];
    this.#size = 0;
  }
}
