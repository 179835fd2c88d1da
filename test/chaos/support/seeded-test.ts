import { it } from 'vitest';
import { testTimeout } from '../../support/chaos-form.ts';
import { type SeededRandom, seeded } from '../../support/seeded-random.ts';

/** A `seeded` test with the time limit of the tests that break things. */
export function seededTest(name: string, test: (random: SeededRandom) => Promise<void>): void {
  it(name, seeded(test), testTimeout);
}

seededTest.concurrent = (name: string, test: (random: SeededRandom) => Promise<void>): void => {
  it.concurrent(name, seeded(test), testTimeout);
};
