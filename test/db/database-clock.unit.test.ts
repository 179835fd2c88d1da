import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DatabaseClock } from '../../src/db/database-clock.ts';

const start = Date.parse('2026-11-22T08:10:13.000Z');
const hourMs = 3_600_000;

/** Milliseconds by which the database's clock is ahead of this machine's. */
let aheadMs = 0;
/** Milliseconds that the question takes on its way to the database, and the answer on its way back. */
let wayMs = [0, 0];

beforeEach(() => {
  vi.useFakeTimers({ now: start });
  aheadMs = 0;
  wayMs = [0, 0];
});
afterEach(() => {
  vi.useRealTimers();
});

const createClock = () =>
  new DatabaseClock(async () => {
    const [there = 0, back = 0] = wayMs;
    await vi.advanceTimersByTimeAsync(there);
    const read = Date.now() + aheadMs;
    await vi.advanceTimersByTimeAsync(back);
    return read;
  });
const errorMs = (clock: DatabaseClock) => Date.parse(clock.now()) - (Date.now() + aheadMs);

describe('DatabaseClock', () => {
  it("is this machine's clock before it was read", () => {
    expect(createClock().now()).toBe('2026-11-22T08:10:13.000Z');
  });

  it.each([
    ['ahead', hourMs],
    ['behind', -hourMs],
  ])('follows a database whose clock is an hour %s, to within the time of the answer', async (_name, ms) => {
    aheadMs = ms;
    wayMs = [20, 10];
    const clock = createClock();
    await clock.adjust();
    expect(Math.abs(errorMs(clock))).toBeLessThanOrEqual(30);
    vi.advanceTimersByTime(hourMs);
    expect(Math.abs(errorMs(clock))).toBeLessThanOrEqual(30);
  });

  it('does not move for an answer that takes long while both clocks agree', async () => {
    const clock = createClock();
    for (wayMs of [
      [3_000, 0],
      [0, 3_000],
      [1, 1],
    ]) {
      await clock.adjust();
      expect(errorMs(clock)).toBe(0);
    }
  });

  it('follows when one of the clocks is set, after it was started', async () => {
    const clock = new DatabaseClock(async () => Date.now() + aheadMs);
    await clock.start(() => {});
    aheadMs = hourMs;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(errorMs(clock)).toBe(0);
    vi.setSystemTime(start - hourMs);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(errorMs(clock)).toBe(0);
    clock.stop();
  });

  it('keeps its time while the database cannot be read', async () => {
    aheadMs = hourMs;
    const read = vi.fn(async () => Date.now() + aheadMs);
    const clock = new DatabaseClock(read);
    const errors: unknown[] = [];
    await clock.start((error) => errors.push(error));
    read.mockRejectedValue(new Error('The database is away.'));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(errors).not.toEqual([]);
    expect(errorMs(clock)).toBe(0);
    clock.stop();
  });
});
