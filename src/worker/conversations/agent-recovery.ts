import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Database } from '../../tables/database.ts';
import { type AgentEnd, type Connection, FollowLostError } from '../../tasks/domain/transcript/connection.ts';
import { type FollowedConversation, failOpening, readOpening } from '../../tasks/store/conversations.ts';
import { toTaskFailure } from '../failure.ts';
import type { TranscriptDraft } from './transcript-draft.ts';
import { agentGone, type Turns } from './turns.ts';

/**
 * Why an agent cannot be followed any more: its process has ended; it does not stop and is to be ended; another one has taken
 * its place; its server has forgotten the conversation, or cannot be reached.
 */
export type AgentLoss = AgentEnd | 'forgotten' | 'unreachable';

export interface RecoveryOptions {
  readonly db: Database;
  readonly conversation: FollowedConversation;
  readonly draft: TranscriptDraft;
  readonly turns: Turns;
  readonly loss: AgentLoss;
  readonly signal: AbortSignal;
  restartAgent(endsProcess: boolean, signal: AbortSignal): Promise<Connection>;
}

const openingLookMs = 100;
/** Milliseconds to find an agent server again that is away, before the turn counts as ended. */
const settleMs = 30_000;

/** Ends what the agent was doing, and starts it again. Rejects with FollowLostError, or with the reason of the signal. */
export async function recoverAgent(options: RecoveryOptions): Promise<void> {
  const { conversation, draft, turns, loss, signal } = options;
  const { nextConnection } = conversation;
  const restart = nextConnection ? async () => nextConnection : await reconnect(options);
  if (restart === 'same') return;
  turns.endByLoss(loss === 'deaf');
  await draft.flush(signal);
  if (!nextConnection && !(await isOpened(options))) return;
  let connection: Connection;
  try {
    connection = await restart();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof FollowLostError) throw error;
    draft.tellLost({ ...toTaskFailure(error, 'ensure_agent'), step: null });
    return draft.flush(signal);
  }
  const isNew = !isDeepStrictEqual(connection, conversation.connection);
  // An id alone says nothing: some agents give each session the same one.
  const isForgetful = connection.replayedBefore === undefined;
  if (isForgetful && (isNew || loss !== 'unreachable')) {
    draft.segment.addNotice(
      'AGENT_RESTARTED',
      'The agent was started again. It remembers nothing of the conversation.',
    );
  }
  // Another stream begins with 1, also one of the same name.
  if (isNew || loss === 'forgotten') draft.read = 0;
  draft.tell('agent.restarted', {
    isWorking: false,
    requests: null,
    settleRequests: 'expired',
    restart: { connection: isNew ? connection : null },
  });
  await draft.flush(signal);
}

/**
 * Perhaps only the way to the agent server was cut: then the agent works on, and nothing is to be done. Otherwise how the agent
 * is started again.
 */
async function reconnect(options: RecoveryOptions): Promise<'same' | (() => Promise<Connection>)> {
  const { db, conversation, loss, restartAgent, signal } = options;
  const { sessionId } = conversation.lease;
  const start = () => restartAgent(loss === 'deaf', signal);
  if (loss !== 'unreachable') return start;
  const { status } = await retryWhileUnavailable(() => readOpening(db, sessionId), signal);
  if (status !== 'ready') return start;
  const restarting = restartAgent(false, signal);
  const found = await Promise.race([restarting.catch(() => null), delay(settleMs, null, { signal })]);
  if (found && isDeepStrictEqual(found, conversation.connection)) return 'same';
  return () => restarting;
}

/** Waits until the session is ready. False when it is being opened, and the step that does so begins anew. */
async function isOpened({ db, conversation, signal }: RecoveryOptions): Promise<boolean> {
  const { lease } = conversation;
  for (;;) {
    const { promptState, status } = await retryWhileUnavailable(
      () => readOpening(db, lease.sessionId),
      signal,
    );
    if (status === 'ready') return true;
    if (status !== 'pending_provision' && status !== 'pending_session_create') {
      throw new FollowLostError(`${lease.sessionId} was closed.`);
    }
    if (promptState === 'queued') {
      const failure = agentGone('The agent ended before it got its first prompt.');
      await retryWhileUnavailable(() => failOpening(db, lease, failure), signal);
      return false;
    }
    await delay(openingLookMs, undefined, { signal });
  }
}
