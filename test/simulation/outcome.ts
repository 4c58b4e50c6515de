import { type LoggedInput, loggedTopic } from './input.ts';
import type { Tail } from './tail.ts';
import { type SimulatedPipeline, type SimulatedView, SOURCE_TOPICS, sourcesOf, type ViewLetter } from './view.ts';

export interface OutcomeCheck {
  readonly pipelines: readonly SimulatedPipeline[];
  readonly tail: Tail;
  readonly partitions: number;
  /** Every window was closed. */
  readonly closed: boolean;
  /** Pipelines that were built anew: their dead letters came again. */
  readonly rebuilt: ReadonlySet<string>;
}

interface StoredLetter extends ViewLetter {
  readonly pipeline: string;
}

/** Compares every output with what its definition gives for the input that the log holds. @throws Error */
export function verifyOutputs({ pipelines, tail, partitions, closed, rebuilt }: OutcomeCheck): void {
  const topic = (name: string) =>
    loggedTopic(tail.records(name).map(({ partition, offset, value }) => ({ partition, offset, value: value! })));
  const input: LoggedInput = { partitions, events: topic('events'), others: topic('others') };
  const stored = tail.rows('_dead_letters', true) as unknown as readonly StoredLetter[];
  for (const pipeline of pipelines) {
    for (const view of pipeline.views) {
      if (view.always || closed) requireSame(`view ${view.name}`, rowsOf(view, tail), view.expected(input));
    }
    const own = stored.filter((letter) => letter.pipeline === pipeline.name).map(letterText);
    const expected = lettersOf(pipeline.views, input).map(letterText);
    const again = rebuilt.has(pipeline.name);
    requireSame(`dead letters of ${pipeline.name}`, again ? unique(own) : own, again ? unique(expected) : expected);
  }
}

const unique = (texts: readonly string[]): string[] => [...new Set(texts)];

function rowsOf(view: SimulatedView, tail: Tail): string[] {
  return tail.rows(view.name, view.appends).map(view.show);
}

const letterText = ({ topic, partition, offset, reason }: ViewLetter): string =>
  `${topic}/${partition} ${offset} ${reason}`;

/** What a pipeline refuses: per source what cannot be read, per view what the view says. */
function lettersOf(views: readonly SimulatedView[], input: LoggedInput): ViewLetter[] {
  const letters = views.flatMap((view) => view.letters?.(input) ?? []);
  for (const source of sourcesOf(views)) {
    const topic = SOURCE_TOPICS[source];
    if (topic !== undefined) letters.push(...input[topic].refused.map((refused) => ({ topic, ...refused })));
  }
  return letters;
}

function requireSame(what: string, actual: readonly string[], expected: readonly string[]): void {
  const left = [...actual].sort();
  const right = [...expected].sort();
  if (left.length === right.length && left.every((text, i) => text === right[i])) return;
  throw new Error(
    `${what} has ${left.length} rows, not ${right.length}: too many are ${some(difference(left, right))}; missing are ${some(difference(right, left))}`,
  );
}

/** What is in the first and not, or not as often, in the second. */
function difference(first: readonly string[], second: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const text of second) counts.set(text, (counts.get(text) ?? 0) + 1);
  return first.filter((text) => {
    const count = counts.get(text) ?? 0;
    if (count > 0) counts.set(text, count - 1);
    return count === 0;
  });
}

const some = (texts: readonly string[]): string => JSON.stringify(texts.slice(0, 8));
