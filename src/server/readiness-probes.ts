/** The latest requests that count. */
const remembered = 6;
/** Fewer requests than this are those of a start, not of a load balancer. */
const fewestOfBalancer = 3;
/** Milliseconds. What asks less often has its own way to leave a server out, or would keep a stop from ending in time. */
const longestIntervalMs = 3_000;
/** Milliseconds. What asks several times a second may be late when its machine is busy. */
const shortestDelayMs = 1_000;
/** Milliseconds by which a request may be late. */
const slackMs = 500;

/**
 * Remembers when `/readyz` was asked for. What asks at regular intervals is a load balancer: it sends requests until it is told
 * that the server is not ready, and those fail which it sends after the port was closed and before it asks again.
 */
export class ReadinessProbes {
  readonly #times: number[] = [];

  record(now = performance.now()): void {
    this.#times.push(now);
    if (this.#times.length > remembered) this.#times.shift();
  }

  /**
   * Milliseconds for which a server that begins to stop has to go on serving, until all that ask were told: twice their longest
   * interval, because several may ask one after another, and some believe only a second answer. 0 when none asks.
   */
  drainDelayMs(now = performance.now()): number {
    const times = this.#times;
    if (times.length < fewestOfBalancer) return 0;
    const longest = Math.max(...times.slice(1).map((time, index) => time - (times[index] as number)));
    const sinceLast = now - (times.at(-1) as number);
    return longest > longestIntervalMs || sinceLast > 2 * longest + slackMs
      ? 0
      : Math.max(shortestDelayMs, 2 * longest);
  }
}
