import { beforeEach, describe, expect, test } from 'vitest';
import { Admission, type Admitted } from './admission.ts';

const MB = 1024 * 1024;
const COST_MAX = 256 * MB;
const BODY_BYTES = 256 * 1024;

let now: number;
let admission: Admission;

beforeEach(() => {
  now = 1_000;
  admission = new Admission({ monotonicMs: () => now, waitTargetMs: 50, costMax: COST_MAX });
});

/** A disk that commits so much in a millisecond, in order; what comes each millisecond is let in or refused. */
class Load {
  readonly #bytesPerMs: number;
  readonly #waiting: Admitted[] = [];
  #room = 0;
  readonly waitsMs: number[] = [];
  refused = 0;

  constructor(bytesPerMs: number) {
    this.#bytesPerMs = bytesPerMs;
  }

  run(ms: number, bodiesPerMs: number, bytesPerMs = this.#bytesPerMs): void {
    let due = 0;
    for (const end = now + ms; now < end; ) {
      for (due += bodiesPerMs; due >= 1; due--) this.#send();
      now++;
      this.#commit(bytesPerMs);
    }
  }

  #send(): void {
    const admitted = admission.enter(BODY_BYTES);
    if (admitted === undefined) this.refused++;
    else this.#waiting.push(admitted);
  }

  #commit(bytesPerMs: number): void {
    this.#room = this.#waiting.length === 0 ? 0 : this.#room + bytesPerMs;
    while (this.#waiting.length > 0 && this.#room >= BODY_BYTES) {
      const admitted = this.#waiting.shift()!;
      this.#room -= BODY_BYTES;
      this.waitsMs.push(now - admitted.atMs);
      admission.leave(admitted);
    }
  }
}

const CAPACITY = 100 * 1024;
const BODIES_PER_MS = CAPACITY / BODY_BYTES;

describe('at twice of what can be committed', () => {
  test('those that are let in wait about as long as is bearable, and nothing of the capacity is lost', () => {
    const load = new Load(CAPACITY);
    load.run(500, 2 * BODIES_PER_MS);
    load.waitsMs.length = 0;
    load.refused = 0;
    load.run(5_000, 2 * BODIES_PER_MS);
    expect(Math.max(...load.waitsMs)).toBeLessThan(100);
    expect(load.waitsMs.length).toBeGreaterThan(0.95 * 5_000 * BODIES_PER_MS);
    expect(load.refused).toBeGreaterThan(0.8 * 5_000 * BODIES_PER_MS);
  });

  test('as soon as less comes, nothing is refused any more', () => {
    const load = new Load(CAPACITY);
    load.run(3_000, 2 * BODIES_PER_MS);
    load.run(300, 0.5 * BODIES_PER_MS);
    load.refused = 0;
    load.waitsMs.length = 0;
    load.run(3_000, 0.5 * BODIES_PER_MS);
    expect(load.refused).toBe(0);
    expect(Math.max(...load.waitsMs)).toBeLessThan(10);
    expect(admission.limit).toBe(COST_MAX);
  });
});

test('a burst that is gone in time, and one slow fsync, refuse nobody', () => {
  const load = new Load(CAPACITY);
  load.run(1, 20);
  load.run(1_000, 0.5 * BODIES_PER_MS);
  load.run(150, 0.5 * BODIES_PER_MS, 0);
  load.run(1_000, 0.5 * BODIES_PER_MS);
  expect(load.refused).toBe(0);
});

test('a disk that is slow by itself is used, not refused', () => {
  let refused = 0;
  for (let round = 0; round < 200; round++) {
    const together = Array.from({ length: 16 }, () => admission.enter(BODY_BYTES));
    now += 80;
    for (const admitted of together) {
      if (admitted === undefined) refused++;
      else admission.leave(admitted);
    }
  }
  expect(refused).toBe(0);
});

test('many small requests are bound by their number', () => {
  let admitted = 0;
  while (admission.enter(100) !== undefined) admitted++;
  expect(admitted).toBeLessThan(COST_MAX / 2_000);
});

test('when nobody waits, even what is larger than the limit is let in', () => {
  expect(admission.enter(COST_MAX * 2)).toBeDefined();
  expect(admission.enter(1)).toBeUndefined();
});
