import { setTimeout as delay } from 'node:timers/promises';
import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Database } from '../../tables/database.ts';
import type { Connection } from '../../tasks/domain/transcript/connection.ts';
import { readOpening, storeConnection } from '../../tasks/store/conversations.ts';
import type { LeasedTask } from '../../tasks/store/task-leases.ts';

/** Milliseconds between two looks at a prompt that a follower, of whatever worker, is to hand over. */
const lookMs = 50;

/**
 * Stores how a session is followed, and waits until the agent has got the session's first prompt. Rejects with what made the
 * connection useless meanwhile.
 */
export async function startFollowing(
  db: Database,
  { lease }: LeasedTask,
  location: string | null,
  sessionId: string,
  connection: Connection,
  signal: AbortSignal,
): Promise<void> {
  await retryWhileUnavailable(() => storeConnection(db, lease, sessionId, connection, location), signal);
  for (;;) {
    const { promptState, failure } = await retryWhileUnavailable(() => readOpening(db, sessionId), signal);
    if (promptState !== 'queued' && promptState !== 'sending') return;
    if (failure) throw Object.assign(new Error(failure.message), failure);
    await delay(lookMs, undefined, { signal });
  }
}
