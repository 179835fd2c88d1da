import { randomInt } from 'node:crypto';
import { it } from 'vitest';
import { seededRandom } from '../../realtime/seeded-random.ts';
import { seedToRepeat, testTimeout } from '../../support/chaos-form.ts';

/** Random choices that are the same for the same seed. */
export interface RandomChoices {
  /** From 0 up to 1. */
  next(): number;
  /** A whole number from `min` up to `max`, both included. */
  between(min: number, max: number): number;
  pick<T>(from: readonly T[]): T;
}

/**
 * A test that makes random choices. Its failure names the seed; `GROUNDCREW_CHAOS_SEED` in the environment makes the same
 * choices again.
 */
export function seededTest(name: string, test: (random: RandomChoices) => Promise<void>): void {
  it(name, withSeed(test), testTimeout);
}

seededTest.concurrent = (name: string, test: (random: RandomChoices) => Promise<void>): void => {
  it.concurrent(name, withSeed(test), testTimeout);
};

function withSeed(test: (random: RandomChoices) => Promise<void>): () => Promise<void> {
  return async () => {
    const seed = Number(seedToRepeat ?? randomInt(2 ** 31));
    try {
      await test(choicesOf(seed));
    } catch (error) {
      (error as Error).message += `\nto repeat it: GROUNDCREW_CHAOS_SEED=${seed}`;
      throw error;
    }
  };
}

function choicesOf(seed: number): RandomChoices {
  const next = seededRandom(seed);
  return {
    next,
    between: (min, max) => min + Math.floor(next() * (max - min + 1)),
    pick: (from) => from[Math.floor(next() * from.length)] as (typeof from)[number],
  };
}
