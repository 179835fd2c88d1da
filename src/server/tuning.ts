/** Sizes are in bytes, times in milliseconds. Only tests pass others than `defaultTuning`. */
export interface Tuning {
  /** The largest request body, and the largest WebSocket message (a larger one is answered with 413, or 1009). */
  readonly maxMessage: number;
  readonly maxOperationsPerSocket: number;
  /** Until `connection_init` must have come (4408). */
  readonly connectionInitTimeout: number;
  /** Between two pings of a socket. A peer that has not answered one by the next is cut off. */
  readonly keepAlive: number;
  /** While more than this waits to be sent, no operation of the socket takes another value from its source. */
  readonly highWater: number;
  /** A socket with more than this waiting is cut off (1013). */
  readonly maxBuffered: number;
  /** A socket that stays above `highWater` for so long is cut off (1013). */
  readonly stallTimeout: number;
  /** How long a peer may take to answer a close frame before its connection is destroyed. */
  readonly closeTimeout: number;
  /** The longest time over which `stop` spreads the closing of sockets. */
  readonly drainWindow: number;
  /** How long `stop` waits for requests that are under way. */
  readonly finishTimeout: number;
  readonly readinessTimeout: number;
}

export const defaultTuning: Tuning = {
  maxMessage: 1_048_576,
  maxOperationsPerSocket: 1_000,
  connectionInitTimeout: 3_000,
  keepAlive: 12_000,
  highWater: 262_144,
  maxBuffered: 1_048_576,
  stallTimeout: 30_000,
  closeTimeout: 5_000,
  drainWindow: 3_000,
  finishTimeout: 5_000,
  readinessTimeout: 2_000,
};
