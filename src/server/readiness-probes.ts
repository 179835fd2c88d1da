/** The last times that count. */
const remembered = 6;
/** Fewer requests than this are those of a start, not of a load balancer that follows. */
const fewestOfFollower = 3;
/** Milliseconds. What asks less often has its own way to leave a server out, or would keep a stop from ending in time. */
const longestPause = 3_000;
/** Milliseconds. What asks several times a second may be late when its machine is busy. */
const shortestPatience = 1_000;
/** Milliseconds by which an answer may be late. */
const slack = 500;

/**
 * Remembers when `/readyz` was asked for. What asks at regular intervals is a load balancer that sends requests for as long as it
 * is told that the server is ready, and a server that refuses connections before it has asked again fails them.
 */
export class ReadinessAskers {
  readonly #times: number[] = [];

  asked(now = performance.now()): void {
    this.#times.push(now);
    if (this.#times.length > remembered) this.#times.shift();
  }

  /**
   * Milliseconds for which a server that begins to stop has to go on serving, until all that ask were told: twice their longest
   * pause, because several may ask one after another, and some believe only a second answer. 0 when none asks.
   */
  patience(now = performance.now()): number {
    const times = this.#times;
    if (times.length < fewestOfFollower) return 0;
    const longest = Math.max(...times.slice(1).map((time, index) => time - (times[index] as number)));
    const sinceLast = now - (times.at(-1) as number);
    return longest > longestPause || sinceLast > 2 * longest + slack
      ? 0
      : Math.max(shortestPatience, 2 * longest);
  }
}
