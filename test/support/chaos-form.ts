/**
 * How much the tests that break things do. `GROUNDCREW_CHAOS` in the environment: `long` for many rounds, as
 * `npm run test:chaos` asks for; `report` for the short form with its figures; unset for the short form alone.
 */
const form = process.env.GROUNDCREW_CHAOS;

export const isLong = form === 'long';

/** Milliseconds that one test may take. */
export const testTimeout = isLong ? 900_000 : 180_000;

/** Prints a figure that a test has measured, where figures are asked for. */
export function report(figure: string, value: unknown): void {
  if (form !== 'long' && form !== 'report') return;
  process.stdout.write(`chaos: ${figure}: ${typeof value === 'string' ? value : JSON.stringify(value)}\n`);
}

/** One line of figures about durations in milliseconds. */
export function summarize(durations: readonly number[]): string {
  const sorted = durations.toSorted((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return `max ${at(1)} ms, p50 ${at(0.5)} ms, n ${sorted.length}`;
}
