import { randomInt } from 'node:crypto';

/** Random choices that are the same for the same seed. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A number from 0 up to 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** An item of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.next() * list.length)] as T;
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** Choices for one of several concurrent parts of a test, which do not depend on the order of the others'. */
  fork(): SeededRandom {
    return new SeededRandom(this.between(0, 2 ** 31));
  }
}

/**
 * A test that makes random choices, other ones in each run. Its failure names the seed; with `GROUNDCREW_TEST_SEED` in the
 * environment it makes the same choices again.
 */
export function seeded(test: (random: SeededRandom) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const seed = Number(process.env.GROUNDCREW_TEST_SEED ?? randomInt(2 ** 31));
    try {
      await test(new SeededRandom(seed));
    } catch (error) {
      (error as Error).message += `\nTo repeat it: GROUNDCREW_TEST_SEED=${seed}`;
      throw error;
    }
  };
}
