/**
 * The first row of each key (within a day), and the last one, while the keys become more.
 *
 *   npm run bench:dedupe [-- --keys 10000,100000]
 *
 * First a row for each key, then a million rows of random keys, which are timed: CPU time of one thread, in epochs of eight
 * batches, results thrown away. About two minutes.
 */
import { DeduplicateOperator } from '../src/engine/operator/deduplicate.ts';
import { topNOperator } from '../src/engine/operator/rank/top-n.ts';
import { topNNode } from '../src/plan/analytic-factory.ts';
import { columnReference } from '../src/plan/expression-factory.ts';
import { deduplicateNode } from '../src/plan/factory.ts';
import { bids, growth, type Peer } from './state/growth.ts';

const DAY_MS = 86_400_000;
const first = deduplicateNode(bids, [0], DAY_MS);
const last = topNNode({
  input: bids,
  partition: [0],
  keys: [{ expression: columnReference(bids.columns, 2), descending: true, nullsFirst: true }],
  limit: 1,
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

/** Keys with the time of their first row. */
function firstRows(): Peer {
  const seen = new Map<number, number>();
  return {
    batch: ({ keys, times, count }) => {
      for (let row = 0; row < count; row++) {
        const time = seen.get(keys[row]!);
        if (time === undefined || times[row]! - time >= DAY_MS * 1000) seen.set(keys[row]!, times[row]!);
      }
    },
    epoch: () => {},
  };
}

/** Keys with their last row. */
function lastRows(): Peer {
  const rows = new Map<number, { price: number; time: number; channel: string }>();
  const changed = new Set<number>();
  return {
    batch: ({ keys, prices, times, count }) => {
      for (let row = 0; row < count; row++) {
        const known = rows.get(keys[row]!);
        if (known !== undefined && known.time >= times[row]!) continue;
        rows.set(keys[row]!, { price: prices[row]!, time: times[row]!, channel: 'channel-0123456789' });
        changed.add(keys[row]!);
      }
    },
    epoch: () => changed.clear(),
  };
}

growth({
  bench: 'dedupe-first',
  title: 'keep first',
  make: () => new DeduplicateOperator(first, true),
  peer: firstRows,
});
growth({
  bench: 'dedupe-last',
  title: 'keep last',
  make: () => topNOperator({ node: last, emit: 'updates', appendOnly: true, expressions }),
  peer: lastRows,
});
