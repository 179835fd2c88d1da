import { expect, it } from 'vitest';
import { ReadinessProbes } from '../../src/server/readiness-probes.ts';

function askedAt(...times: number[]): ReadinessProbes {
  const probes = new ReadinessProbes();
  for (const time of times) probes.record(time);
  return probes;
}

it('a server that stops waits for two intervals of a load balancer that asks for its readiness', () => {
  expect(askedAt(0, 1_000, 2_010, 3_000).drainDelayMs(3_400)).toBe(2_020);
});

it('a server that stops waits until each of two load balancers has asked', () => {
  expect(askedAt(0, 100, 2_000, 2_100, 4_000, 4_100).drainDelayMs(5_000)).toBe(3_800);
});

it('a server that stops waits for a second at least when a load balancer asks often', () => {
  expect(askedAt(0, 100, 200, 300).drainDelayMs(350)).toBe(1_000);
});

it.each([
  ['was never asked', askedAt(), 0],
  ['was asked while it started', askedAt(0, 100), 150],
  ['was asked regularly, but not any more', askedAt(0, 1_000, 2_000), 4_600],
  ['is asked so seldom that the stop would take too long', askedAt(0, 10_000, 20_000), 20_100],
])('a server that stops does not wait when it %s', (_when, probes, now) => {
  expect(probes.drainDelayMs(now)).toBe(0);
});

it('a load balancer that has lately begun to ask more often is waited for at its new interval', () => {
  expect(askedAt(0, 9_000, 9_700, 10_400, 11_100, 11_800, 12_500).drainDelayMs(12_600)).toBe(1_400);
});
