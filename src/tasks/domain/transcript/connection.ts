/** Where a session's agent is found: the agent server, and the session's connection there. */
export interface Connection {
  readonly baseUrl: string;
  readonly token?: string;
  /** The name of the connection, as in `/v1/acp/{server}`. */
  readonly server: string;
  /** The agent's own id of the session. */
  readonly agentSessionId: string;
  /** The id of the request up to whose response the agent repeats an earlier conversation. */
  readonly replayedBefore?: string;
}

/** A worker's right to follow a session. Each of its writes names the epoch. */
export interface FollowLease {
  readonly sessionId: string;
  readonly epoch: number;
}

/** Another worker follows the session by now, or it was closed. */
export class FollowLostError extends Error {
  override readonly name = 'FollowLostError';
}
