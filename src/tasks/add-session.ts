import type { Database } from '../tables/database.ts';
import { InvalidInputError, InvalidStateError, NotFoundError } from './domain/errors.ts';
import { newId } from './domain/id.ts';
import { type CreateSessionInput, createSessionInput, parseInput } from './input.ts';
import { changeTask } from './store/change-task.ts';
import { findIdempotentResult, hashInput } from './store/idempotency-keys.ts';
import { findSession, findTask, sessionOf, type TaskSession } from './store/task-queries.ts';

/** One more than anybody has tabs open; every revision holds all of them. */
const maxSessions = 100;

/** Stores one more session of the task, and returns it; the background opens it. */
export async function addSession(
  db: Database,
  workspaceId: string,
  rawInput: CreateSessionInput,
): Promise<TaskSession> {
  const input = parseInput(createSessionInput, rawInput);
  const key = input.idempotencyKey;
  const inputHash = key === null ? '' : hashInput('createSession', input);

  const known = await findTask(db, workspaceId, input.taskId);
  if (!known) throw new NotFoundError('there is no such task', { field: 'taskId' });
  const earlier = key === null ? null : await findIdempotentResult(db, workspaceId, key, inputHash);
  if (earlier !== null) return foundSession(await findSession(db, workspaceId, earlier));
  if (known.state.sessions.length >= maxSessions) {
    throw new InvalidInputError(`a task has at most ${maxSessions} sessions`, { field: 'taskId' });
  }

  const sessionId = newId('session');
  const agent = input.agent ?? known.agent;
  const changed = await changeTask(
    db,
    known.id,
    {
      event: { type: 'sessionAdded', at: new Date().toISOString(), sessionId, agent },
      sessionPrompt: input.prompt,
      idempotencyKey: key === null ? undefined : { key, inputHash, objectId: sessionId },
    },
    known,
  );
  if (!changed) throw new NotFoundError('there is no such task', { field: 'taskId' });
  switch (changed.outcome) {
    case 'changed':
      return foundSession(sessionOf(changed.task, sessionId));
    case 'duplicateKey':
      return foundSession(
        await findSession(
          db,
          workspaceId,
          (await findIdempotentResult(db, workspaceId, key ?? '', inputHash)) ?? '',
        ),
      );
    case 'refused': {
      const { status } = changed.task.state;
      throw new InvalidStateError(`a task that is ${status.toUpperCase()} takes no more sessions`, status);
    }
  }
}

function foundSession(found: TaskSession | null): TaskSession {
  if (!found) throw new NotFoundError('there is no such session');
  return found;
}
