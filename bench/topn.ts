/**
 * The ten dearest rows of each key, while the keys become more.
 *
 *   npm run bench:topn [-- --keys 10000,100000]
 *
 * First as many rows as keys, then a million rows of random keys, which are timed: CPU time of one thread, in epochs of eight
 * batches, what changed handed on and thrown away. About a minute.
 */
import { topNOperator } from '../src/engine/operator/rank/top-n.ts';
import { topNNode } from '../src/plan/analytic-factory.ts';
import { columnReference } from '../src/plan/expression-factory.ts';
import { bids, growth, type Peer } from './state/growth.ts';

const LIMIT = 10;
const price = columnReference(bids.columns, 1);
const node = topNNode({
  input: bids,
  partition: [0],
  keys: [{ expression: price, descending: true, nullsFirst: true }],
  limit: LIMIT,
  offset: 0,
  rank: 'row_number',
  withRank: false,
});
const expressions = {
  clockMs: () => 0,
  userFunction: (): never => {
    throw new Error('there are none');
  },
};

/** Sorted arrays of ten. */
function arrays(): Peer {
  const best = new Map<number, { price: number; time: number; channel: string }[]>();
  const changed = new Set<number>();
  return {
    batch: ({ keys, prices, times, count }) => {
      for (let row = 0; row < count; row++) {
        const key = keys[row]!;
        let rows = best.get(key);
        if (rows === undefined) {
          rows = [];
          best.set(key, rows);
        }
        const given = prices[row]!;
        if (rows.length === LIMIT && rows[LIMIT - 1]!.price >= given) continue;
        let at = rows.length;
        while (at > 0 && rows[at - 1]!.price < given) at--;
        rows.splice(at, 0, { price: given, time: times[row]!, channel: 'channel-0123456789' });
        if (rows.length > LIMIT) rows.pop();
        changed.add(key);
      }
    },
    epoch: () => changed.clear(),
  };
}

growth({
  bench: 'topn',
  title: 'top 10 per key',
  make: () => topNOperator({ node, emit: 'updates', appendOnly: true, expressions }),
  peer: arrays,
});
