/** Sizes are in bytes, times in milliseconds. Only tests use other values than `defaultTuning`. */
export interface Tuning {
  /** The largest body of an HTTP request; a larger one is answered with 413. */
  readonly maxBody: number;
  /** The largest WebSocket message; a larger one closes the socket (1009). */
  readonly maxMessage: number;
  /** From the connection, or from the first byte of a later request, until all headers are there. */
  readonly headersTimeout: number;
  /** The same until the whole request is there. */
  readonly requestTimeout: number;
  /** Between two looks for requests that take too long: how much longer than these timeouts one may take. */
  readonly timeoutCheck: number;
  readonly maxOperationsPerSocket: number;
  /** A query or mutation that takes longer is answered with an error. */
  readonly operationTimeout: number;
  /** Within this time a client must send `connection_init` (otherwise 4408). */
  readonly connectionInitTimeout: number;
  /** Between two pings of a socket. A socket that has not answered a ping before the next one is terminated. */
  readonly keepAlive: number;
  /** While more than this is buffered for a socket, its operations take no further values from their sources. */
  readonly highWater: number;
  /** A socket with more than this buffered is closed (1013). */
  readonly maxBuffered: number;
  /** A socket that stays above `highWater` for this time is closed (1013). */
  readonly stallTimeout: number;
  /** How long a client may take to answer a close frame before its connection is destroyed. */
  readonly closeTimeout: number;
  /** The longest time over which `stop` spreads the closing of sockets. */
  readonly drainWindow: number;
  /** How long `stop` waits for running requests. */
  readonly finishTimeout: number;
  readonly readinessTimeout: number;
}

export const defaultTuning: Tuning = {
  maxBody: 262_144,
  maxMessage: 65_536,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  timeoutCheck: 2_000,
  maxOperationsPerSocket: 1_000,
  operationTimeout: 30_000,
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
