import { afterEach, describe, expect, it, vi } from 'vitest';
import { range } from './range.ts';
import { rejection } from './rejection.ts';
import { SeededRandom, seeded } from './seeded-random.ts';

const numbers = (random: SeededRandom) => range(1, 100).map(() => random.next());

afterEach(() => vi.unstubAllEnvs());

describe('SeededRandom', () => {
  it('makes the same choices for the same seed, and others for another one', () => {
    expect(numbers(new SeededRandom(7))).toEqual(numbers(new SeededRandom(7)));
    expect(numbers(new SeededRandom(7))).not.toEqual(numbers(new SeededRandom(8)));
  });

  it('chooses whole numbers from the first to the last', () => {
    const random = new SeededRandom(7);
    const chosen = new Set(range(1, 200).map(() => random.between(3, 6)));
    expect([...chosen].sort()).toEqual([3, 4, 5, 6]);
  });
});

describe('seeded', () => {
  it('names a seed in the message of a failure, with which the same choices are made again', async () => {
    const runs: number[][] = [];
    const test = seeded((random) => {
      runs.push(numbers(random));
      throw new Error('failed');
    });
    const { message } = await rejection(test());
    const [, seed = ''] = /^failed\nTo repeat it: GROUNDCREW_TEST_SEED=(\d+)$/.exec(message) ?? [];
    vi.stubEnv('GROUNDCREW_TEST_SEED', seed);
    await rejection(test());
    expect(runs[1]).toEqual(runs[0]);
  });

  it('makes other choices in each run', async () => {
    vi.stubEnv('GROUNDCREW_TEST_SEED', undefined);
    const runs: number[][] = [];
    const test = seeded((random) => void runs.push(numbers(random)));
    await test();
    await test();
    expect(runs[1]).not.toEqual(runs[0]);
  });
});
