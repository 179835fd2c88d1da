import { describe, expect, it } from 'vitest';
import { ClockWatch } from '../../../src/worker/liveness/clock-watch.ts';

/** Reads the clock at each of these times of ours, in milliseconds; it is ahead by `offset` and the answer takes `delay`. */
function watchOf(...readings: { at: number; offset: number; delay?: number }[]): ClockWatch {
  const watch = new ClockWatch();
  for (const { at, offset, delay = 10 } of readings) {
    watch.read({ databaseMs: at + offset, askedAt: at - delay, answeredAt: at + delay });
  }
  return watch;
}

describe('ClockWatch', () => {
  it('takes the age by a clock that runs as ours does', () => {
    const watch = watchOf({ at: 0, offset: 7_000 }, { at: 400, offset: 7_300 }, { at: 800, offset: 6_900 });
    expect(watch.silenceOf(60_000, 1_000)).toBe(60_000);
  });

  it('takes the age before it has ever read the clock', () => {
    expect(new ClockWatch().silenceOf(60_000, 1_000)).toBe(60_000);
  });

  it('is not misled by answers that take long', () => {
    const watch = watchOf({ at: 0, offset: 0 }, { at: 20_000, offset: 8_000, delay: 9_000 });
    expect(watch.silenceOf(60_000, 30_000)).toBe(60_000);
  });

  it('counts from the moment when the clock was found to be set ahead', () => {
    const watch = watchOf({ at: 0, offset: 0 }, { at: 400, offset: 60_000 }, { at: 800, offset: 60_000 });
    expect(watch.silenceOf(60_100, 500)).toBe(90);
    expect(watch.silenceOf(69_000, 9_410)).toBe(9_000);
    // Stored after that.
    expect(watch.silenceOf(200, 9_410)).toBe(200);
  });

  it('counts the silence of what was stored before the clock was set back', () => {
    const watch = watchOf({ at: 0, offset: 0 }, { at: 400, offset: -60_000 });
    expect(watch.silenceOf(-59_000, 9_410)).toBe(9_000);
    expect(watch.silenceOf(-20, 9_410)).toBe(-20);
  });

  it('counts the silence of what was stored later than now from its first reading', () => {
    const watch = watchOf({ at: 0, offset: -60_000 });
    expect(watch.silenceOf(-59_000, 9_010)).toBe(9_000);
  });
});
