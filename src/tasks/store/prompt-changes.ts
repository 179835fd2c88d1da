import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import type { NewMachineEvent } from '../domain/machine-event.ts';
import { changeTask } from './change-task.ts';
import {
  changePrompt,
  type PromptChange,
  PromptChangedError,
  settleOpenRequests,
} from './conversation-changes.ts';

// What people change in a conversation: each a revision of the task.

/** Changes a prompt, unless it is in another state, or its session takes no changes any more: then nothing changes. */
export async function changePromptOfTask(
  db: Database,
  taskId: string,
  event: NewMachineEvent,
  actor: string,
  change: PromptChange,
): Promise<void> {
  try {
    await db.transaction(async (tx) => {
      const changed = await changeTask(tx, taskId, { event, actor });
      if (changed?.outcome !== 'changed') throw new PromptChangedError('The session takes no changes.');
      await changePrompt(tx, change);
    });
  } catch (error) {
    if (!(error instanceof PromptChangedError)) throw error;
  }
}

/** The request was settled meanwhile. */
class RequestSettledError extends Error {
  override readonly name = 'RequestSettledError';
}

/** Answers an open request; the first answer counts. Nothing changes when it is not open any more. */
export async function answerOpenRequest(
  db: Database,
  { taskId, sessionId, requestId }: { taskId: string; sessionId: string; requestId: string },
  optionId: string,
  actor: string,
): Promise<void> {
  try {
    await db.transaction(async (tx) => {
      // The task first, so that answers to one task's requests wait for each other here.
      const event = {
        type: 'conversationChanged',
        sessionId,
        kind: 'request.answered',
        requests: -1,
      } as const;
      const changed = await changeTask(tx, taskId, { event, actor });
      if (changed?.outcome !== 'changed') throw new RequestSettledError();
      const { rows } = await sql`
        update agent_request set state = 'answered', answer = ${optionId}, answered_at = ${tx.clock.now()}
        where id = ${requestId} and state = 'open' returning id
      `.execute(tx.kysely);
      if (rows.length === 0) throw new RequestSettledError();
    });
  } catch (error) {
    if (!(error instanceof RequestSettledError)) throw error;
  }
}

/** Notes that the work of a session's agent is to be stopped. False when it does not work, or not on that prompt. */
export async function requestInterruption(
  db: Database,
  { taskId, sessionId, promptId }: { taskId: string; sessionId: string; promptId: string | null },
  actor: string,
): Promise<boolean> {
  try {
    await db.transaction(async (tx) => {
      const event = {
        type: 'conversationChanged',
        sessionId,
        kind: 'turn.interrupted',
        requests: null,
      } as const;
      const changed = await changeTask(tx, taskId, { event, actor });
      if (changed?.outcome !== 'changed') throw new RequestSettledError();
      const { rows } = await sql`
        update conversation set interrupted_at = coalesce(interrupted_at, now())
        where session_id = ${sessionId} and is_open and exists (
          select from prompt where prompt.session_id = conversation.session_id and prompt.state in ('sending', 'accepted')
            and (${promptId}::text is null or prompt.id = ${promptId})
        ) returning session_id
      `.execute(tx.kysely);
      if (rows.length === 0) throw new RequestSettledError();
      await settleOpenRequests(tx, [sessionId], 'canceled');
    });
    return true;
  } catch (error) {
    if (!(error instanceof RequestSettledError)) throw error;
    return false;
  }
}
