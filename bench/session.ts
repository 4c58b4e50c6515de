/**
 * Rows and their sum by session, while the sessions that are open become more.
 *
 *   npm run bench:session [-- --keys 10000,100000]
 *
 * First a row for each key, then a million rows of random keys, which are timed: CPU time of one thread. Event time goes on so slowly
 * that most keys keep one session open; those that were closed are emitted once and forgotten. About two minutes.
 */
import { sessionAggregate } from '../src/engine/operator/window/kernel-sessions.ts';
import { planSessionAggregate } from '../src/engine/operator/window/session-aggregate.ts';
import { columnReference } from '../src/plan/expression-factory.ts';
import { aggregateNode, windowNode } from '../src/plan/factory.ts';
import { TYPE } from '../src/plan/type-name.ts';
import { bids, growth, type Peer } from './state/growth.ts';

const GAP_US = 10_000_000;
const windowed = windowNode(bids, { kind: 'session', gapUs: BigInt(GAP_US), keys: [0] }, 2);
const column = (at: number) => columnReference(windowed.columns, at);
const plain = { distinct: false, filter: undefined };
const node = aggregateNode(
  windowed,
  [0, 4, 5].map((at) => ({ name: windowed.columns[at]!.name, expression: column(at) })),
  [
    { name: 'rows', call: { ...plain, function: 'count', argument: undefined, type: TYPE.int8 } },
    { name: 'total', call: { ...plain, function: 'sum', argument: column(1), type: TYPE.numeric } },
  ],
);
const expressions = {
  clockMs: () => 0,
  userFunction: (): never => {
    throw new Error('there are none');
  },
};

/** The open session of each key; all are looked at when event time has gone on by a gap. */
function sessions(): Peer {
  const open = new Map<number, { first: number; last: number; rows: number; total: number }>();
  let swept = 0;
  return {
    batch: ({ keys, prices, times, count }) => {
      for (let row = 0; row < count; row++) {
        const time = times[row]!;
        const session = open.get(keys[row]!);
        if (session === undefined || time - session.last > GAP_US) {
          open.set(keys[row]!, { first: time, last: time, rows: 1, total: prices[row]! });
        } else {
          session.last = time;
          session.rows++;
          session.total += prices[row]!;
        }
      }
    },
    epoch: (watermark) => {
      if (watermark - swept < GAP_US) return;
      swept = watermark;
      for (const [key, { last }] of open) if (last + GAP_US < watermark) open.delete(key);
    },
  };
}

growth({
  bench: 'session',
  title: 'count and sum by session',
  make: () => sessionAggregate(planSessionAggregate(node)!, { emit: 'final', appendOnly: true, expressions }),
  peer: sessions,
  // A key comes about four times in a gap.
  stepUs: (keys) => GAP_US / 4 / keys,
});
