import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SinkWorld, TOPIC } from './sink.fixture.ts';
import { pinKnownSinks, SinkLedger, unpinSink } from './sink-position.ts';

let world: SinkWorld;
beforeEach(async () => {
  world = await SinkWorld.open('append', 2);
});
afterEach(() => world.close());

/** Who keeps what from retention. */
function pins(): { readonly log: SinkWorld['log']; readonly held: Map<string, number> } {
  const held = new Map<string, number>();
  const log: SinkWorld['log'] = Object.create(world.log, {
    pin: {
      value: (owner: string, topic: string, partition: number, from: number | undefined) => {
        const name = `${owner} ${topic}/${partition}`;
        if (from === undefined) held.delete(name);
        else held.set(name, from);
      },
    },
    ledgerEntries: { value: (space: string) => world.log.ledgerEntries(space) },
    topics: { value: () => world.log.topics() },
  }) as SinkWorld['log'];
  return { log, held };
}

describe('the position of a sink', () => {
  it('keeps retention back before the sink is started, until it is known to be gone', async () => {
    const ledger = new SinkLedger(world.log, 's', TOPIC, 'file:rows:x');
    await world.log.commit({ appends: [], puts: [ledger.put({ offsets: [3, 5], state: {} })] });
    const { log, held } = pins();
    pinKnownSinks(log);
    expect([...held]).toEqual([
      [`sink:s ${TOPIC}/0`, 3],
      [`sink:s ${TOPIC}/1`, 5],
    ]);
    unpinSink(log, 's');
    expect(held.size).toBe(0);
  });

  it('is that of one identity: another place is written anew', async () => {
    const ledger = new SinkLedger(world.log, 's', TOPIC, 'file:rows:x');
    await world.log.commit({ appends: [], puts: [ledger.put({ offsets: [3, 5], state: {} })] });
    expect(ledger.read()).toEqual({ offsets: [3, 5], state: {} });
    expect(new SinkLedger(world.log, 's', TOPIC, 'file:rows:y').read()).toBeUndefined();
  });
});
