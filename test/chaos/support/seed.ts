import { randomInt } from 'node:crypto';
import { it } from 'vitest';

/** Whether the long form was asked for: `npm run test:chaos`. */
export const long = process.env.GROUNDCREW_CHAOS === 'long';

/** Milliseconds that one test may take. */
export const patienceMs = long ? 900_000 : 90_000;

export interface Chance {
  readonly seed: number;
  /** From 0 up to 1. */
  next(): number;
  /** A whole number from `min` up to `max`, both included. */
  between(min: number, max: number): number;
  pick<T>(from: readonly T[]): T;
}

function chance(seed: number): Chance {
  let state = seed >>> 0;
  const next = () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    seed,
    next,
    between: (min, max) => min + Math.floor(next() * (max - min + 1)),
    pick: (from) => from[Math.floor(next() * from.length)] as (typeof from)[number],
  };
}

/** A test that draws lots. Its failure names the seed, and GROUNDCREW_CHAOS_SEED draws the same ones again. */
export function drawnTest(name: string, test: (lots: Chance) => Promise<void>): void {
  it(name, withLots(test), patienceMs);
}

drawnTest.concurrent = (name: string, test: (lots: Chance) => Promise<void>): void => {
  it.concurrent(name, withLots(test), patienceMs);
};

function withLots(test: (lots: Chance) => Promise<void>): () => Promise<void> {
  return async () => {
    const seed = Number(process.env.GROUNDCREW_CHAOS_SEED ?? randomInt(2 ** 31));
    try {
      await test(chance(seed));
    } catch (error) {
      (error as Error).message += `\nagain with GROUNDCREW_CHAOS_SEED=${seed}`;
      throw error;
    }
  };
}

/** A figure that the test has measured; said in the long form only. */
export function tell(figure: string, value: unknown): void {
  if (long || process.env.GROUNDCREW_CHAOS === 'tell') {
    process.stdout.write(`chaos: ${figure}: ${typeof value === 'string' ? value : JSON.stringify(value)}\n`);
  }
}

/** The largest, and how many there were. */
export function worst(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return `max ${at(1)} ms, p50 ${at(0.5)} ms, n ${sorted.length}`;
}
