/** One look at the database's clock. */
export interface ClockReading {
  /** What it said, in milliseconds since 1970. */
  readonly databaseMs: number;
  /** Between these two of `performance.now()` it was read. */
  readonly askedAt: number;
  readonly answeredAt: number;
}

/** Milliseconds by which the clock may differ from ours between two readings: more than adjusting its rate can explain. */
const toleranceMs = 1_000;

/**
 * Notices when the database's clock is set. Heartbeats are stored by that clock: were it set ahead by a minute, every worker
 * would look as if it had been silent for a minute, and one that died before it is set back would look alive until then.
 */
export class ClockWatch {
  #last: ClockReading | undefined;
  #steadySince = Number.POSITIVE_INFINITY;
  #wasSet = false;

  read(reading: ClockReading): void {
    const last = this.#last;
    this.#last = reading;
    this.#steadySince = Math.min(this.#steadySince, reading.answeredAt);
    if (!last) return;
    const passed = reading.databaseMs - last.databaseMs;
    const least = reading.askedAt - last.answeredAt - toleranceMs;
    const most = reading.answeredAt - last.askedAt + toleranceMs;
    if (passed >= least && passed <= most) return;
    this.#wasSet = true;
    this.#steadySince = reading.answeredAt;
  }

  /** For how long something has been silent at least, which is that old by the database's clock. `now` is `performance.now()`. */
  silenceOf(ageMs: number, now = performance.now()): number {
    const steadyMs = Math.max(0, now - this.#steadySince);
    // Stored before the clock was set back.
    if (ageMs < -toleranceMs) return steadyMs;
    return this.#wasSet ? Math.min(ageMs, steadyMs) : ageMs;
  }
}
