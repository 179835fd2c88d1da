/**
 * `GROUNDCREW_BENCH=short` in the environment makes all runs as short and as small as they can be. It shows that the
 * benchmarks still run, within seconds; its figures mean nothing. It leaves out the peers that are no floor.
 */
export const isShort = process.env.GROUNDCREW_BENCH === 'short';

/** How long, or how many. */
export function lengthOf({ full, short }: { full: number; short: number }): number {
  return isShort ? short : full;
}
