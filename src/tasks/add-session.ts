import { InvalidInputError, InvalidStateError, NotFoundError } from './domain/errors.ts';
import { newId } from './domain/id.ts';
import { sessionOf, type TaskSession } from './domain/task-session.ts';
import { type CreateSessionInput, createSessionInput, parseInput } from './input.ts';
import { changeTask } from './store/change-task.ts';
import { findIdempotentResult, hashInput } from './store/idempotency-keys.ts';
import { findSession, findTask } from './store/view/task-queries.ts';
import { View } from './store/view/view.ts';

/** Each revision of a task holds all of its sessions. */
const maxSessions = 100;

/**
 * Stores one more session of the task, and returns it; a worker opens it. Throws NotFoundError, InvalidInputError,
 * InvalidStateError and IdempotencyConflictError.
 */
export async function addSession(view: View, rawInput: CreateSessionInput): Promise<TaskSession> {
  const db = View.databaseOf(view);
  const { workspaceId } = view;
  const input = parseInput(createSessionInput, rawInput);
  const key = input.idempotencyKey;
  const inputHash = key === null ? '' : hashInput('createSession', input);

  const known = await findTask(view, input.taskId);
  if (!known) throw new NotFoundError('The task does not exist.', { field: 'taskId' });
  const earlier = key === null ? null : await findIdempotentResult(db, workspaceId, key, inputHash);
  if (earlier !== null) return existing(await findSession(view, earlier));
  if (known.state.sessions.length >= maxSessions) {
    throw new InvalidInputError(`A task has at most ${maxSessions} sessions.`, { field: 'taskId' });
  }

  const sessionId = newId('session');
  const agent = input.agent ?? known.agent;
  const changed = await changeTask(
    db,
    known.id,
    {
      event: { type: 'sessionAdded', sessionId, agent },
      actor: view.actor,
      sessionPrompt: input.prompt,
      idempotencyKey: key === null ? undefined : { key, inputHash, objectId: sessionId },
    },
    known,
  );
  if (!changed) throw new NotFoundError('The task does not exist.', { field: 'taskId' });
  switch (changed.outcome) {
    case 'changed':
      return existing(sessionOf(changed.task, sessionId));
    case 'duplicateKey':
      return existing(
        await findSession(view, (await findIdempotentResult(db, workspaceId, key ?? '', inputHash)) ?? ''),
      );
    case 'refused': {
      const { status } = changed.task.state;
      throw new InvalidStateError(`A task that is ${status.toUpperCase()} takes no more sessions.`, status);
    }
  }
}

function existing(found: TaskSession | null): TaskSession {
  if (!found) throw new NotFoundError('The session does not exist.');
  return found;
}
