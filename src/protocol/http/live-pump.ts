import type { Clock } from '../../base/clock.ts';
import type { LiveFrame } from '../../serving/serving.ts';
import { jsonText } from './json-text.ts';
import type { DoorLimits } from './options.ts';
import { type Problem, problemOf } from './problem.ts';

/** The connection of a live client, whatever it speaks. */
export interface LiveSink {
  /** Sends frames; false when the connection should take no more until {@link drained}. */
  send(frames: readonly LiveFrame[]): boolean;
  /** Resolves when the connection takes more, or has ended. */
  drained(): Promise<void>;
  heartbeat(): void;
  /** Tells why, and with which offset to come back, then ends. */
  letGo(problem: Problem, resume: string | undefined): void;
  /** The stream has ended by itself: the server stops. */
  end(): void;
}

/** JSON of a frame, written once however many clients watch: serving gives all of them the same object. */
const frameTexts = new WeakMap<LiveFrame, string>();

export function frameText(frame: LiveFrame): string {
  const known = frameTexts.get(frame);
  if (known !== undefined) return known;
  const text = jsonText({ op: frame.op, key: frame.key, row: frame.row, offset: frame.offset });
  frameTexts.set(frame, text);
  return text;
}

/**
 * Carries frames from a stream to one client until either has gone. More frames are asked for only when the client has
 * taken the last ones; one that takes nothing for `slowClientMs` is let go with the offset to resume from.
 */
export async function pumpFrames(
  frames: AsyncIterable<readonly LiveFrame[]>,
  sink: LiveSink,
  clock: Clock,
  limits: DoorLimits,
  gone: AbortSignal,
): Promise<void> {
  const stopHeartbeat = repeat(clock, limits.heartbeatMs, () => sink.heartbeat());
  let last: string | undefined;
  try {
    for await (const batch of frames) {
      if (gone.aborted) return;
      if (batch.length === 0) continue;
      const free = sink.send(batch);
      last = batch.at(-1)!.offset || last;
      if (!free && !(await drainedWithin(sink, clock, limits.slowClientMs))) {
        sink.letGo(slowClient(limits.slowClientMs, last), last);
        return;
      }
    }
    if (!gone.aborted) sink.end();
  } catch (error) {
    if (!gone.aborted) sink.letGo(problemOf(error), last);
  } finally {
    stopHeartbeat();
  }
}

async function drainedWithin(sink: LiveSink, clock: Clock, delayMs: number): Promise<boolean> {
  let cancel = (): void => {};
  const late = new Promise<boolean>((resolve) => {
    cancel = clock.after(delayMs, () => resolve(false));
  });
  const drained = sink.drained().then(
    () => true,
    () => true,
  );
  const inTime = await Promise.race([drained, late]);
  cancel();
  return inTime;
}

function repeat(clock: Clock, everyMs: number, action: () => void): () => void {
  let cancel = (): void => {};
  const again = (): void => {
    cancel = clock.after(everyMs, () => {
      action();
      again();
    });
  };
  again();
  return () => cancel();
}

function slowClient(delayMs: number, resume: string | undefined): Problem {
  const next = resume === undefined ? 'open the stream anew' : `resume from offset ${resume}`;
  return {
    type: 'about:blank',
    title: 'Client too slow',
    status: 408,
    detail: `sending the stream: the client took nothing for ${delayMs} ms; ${next}`,
    code: 'HTTP_SLOW_CLIENT',
    next,
    retryable: true,
  };
}
