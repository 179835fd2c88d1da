/** Where a session's agent is found: the agent server, and the session's connection there. */
export interface Connection {
  readonly baseUrl: string;
  readonly token?: string;
  /** The name of the connection, as in `/v1/acp/{server}`. */
  readonly server: string;
  /** The agent's own id of the session. */
  readonly agentSessionId: string;
  /** The agent goes on with an earlier conversation, and may repeat it up to its response to the request of this id. */
  readonly replayedBefore?: string;
}

/**
 * What became of the agent's process that nobody has acted on yet: it has ended; it does not stop and is to be ended; another
 * one has taken its place while nobody followed the session.
 */
export type AgentEnd = 'exited' | 'deaf' | 'replaced';

/** A worker's right to follow a session. Each of its writes names the epoch. */
export interface FollowLease {
  readonly sessionId: string;
  readonly epoch: number;
}

/** Another worker follows the session by now, or it was closed. */
export class FollowLostError extends Error {
  override readonly name = 'FollowLostError';
}
