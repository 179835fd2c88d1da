import { describe, expect, it } from 'vitest';
import { retryDelay } from '../../../src/worker/provisioning/retry-delay.ts';

describe('retryDelay', () => {
  const least = (failures: number, base = 1_000) => retryDelay(failures, base, () => 0);
  const most = (failures: number, base = 1_000) => retryDelay(failures, base, () => 1);

  it('doubles with each failure, up to a minute', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8].map((failures) => least(failures))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000,
    ]);
    expect(least(1_000)).toBe(60_000);
    expect(least(1, 60_000)).toBe(60_000);
  });

  it('adds up to a quarter at random, and never exceeds a minute', () => {
    expect(most(1)).toBe(1_250);
    expect(most(6)).toBe(40_000);
    expect(most(7)).toBe(60_000);
    for (let count = 0; count < 100; count += 1) {
      const delay = retryDelay(2, 100);
      expect(delay).toBeGreaterThanOrEqual(200);
      expect(delay).toBeLessThanOrEqual(250);
    }
  });
});
