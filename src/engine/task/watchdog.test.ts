import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import { Watchdog } from './watchdog.ts';

function watched() {
  const clock = new ManualClock();
  let hangs = 0;
  const watchdog = new Watchdog(clock, () => hangs++);
  return { clock, watchdog, heartbeat: watchdog.heartbeat, hangs: () => hangs };
}

describe('the watchdog of user functions', () => {
  it('tells of a call that does not return in its time, once', () => {
    const { clock, heartbeat, hangs } = watched();
    heartbeat[0] = 1;
    heartbeat[1] = 1_000;
    clock.advance(1_000);
    expect(hangs()).toBe(0);
    clock.advance(10_000);
    expect(hangs()).toBe(1);
  });

  it('lets calls be that end, however many there are', () => {
    const { clock, heartbeat, hangs } = watched();
    heartbeat[1] = 1_000;
    for (let call = 0; call < 100; call++) {
      heartbeat[0] = call;
      clock.advance(250);
    }
    heartbeat[1] = 0;
    clock.advance(60_000);
    expect(hangs()).toBe(0);
  });

  it('looks no more once it is stopped', () => {
    const { clock, watchdog, heartbeat, hangs } = watched();
    heartbeat[1] = 1_000;
    watchdog.stop();
    clock.advance(60_000);
    expect(hangs()).toBe(0);
  });
});
