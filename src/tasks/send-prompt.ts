import { InvalidStateError, NotFoundError } from './domain/errors.ts';
import { newId } from './domain/id.ts';
import { sessionOf, type TaskSession } from './domain/task-session.ts';
import type { Prompt } from './domain/transcript/prompt.ts';
import { parseInput, type SendPromptInput, sendPromptInput } from './input.ts';
import { changeTask } from './store/change-task.ts';
import { findIdempotentResult, hashInput } from './store/idempotency-keys.ts';
import { findPrompts } from './store/view/prompt-queries.ts';
import { findSession } from './store/view/task-queries.ts';
import { View } from './store/view/view.ts';

/**
 * Stores a prompt for a session, and returns it; the session's follower hands it over. Throws NotFoundError,
 * InvalidInputError, InvalidStateError and IdempotencyConflictError.
 */
export async function sendPrompt(view: View, rawInput: SendPromptInput): Promise<Prompt> {
  const db = View.databaseOf(view);
  const { workspaceId } = view;
  const input = parseInput(sendPromptInput, rawInput);
  const key = input.idempotencyKey;
  const inputHash = key === null ? '' : hashInput('sendPrompt', input);
  const session = await findSession(view, input.sessionId);
  if (!session) throw new NotFoundError('The session does not exist.', { field: 'sessionId' });
  const earlier = async () =>
    key === null ? null : await findIdempotentResult(db, workspaceId, key, inputHash);
  const known = await earlier();
  if (known !== null) return existing(view, known);

  const id = newId('prompt', db.clock.now());
  const changed = await changeTask(
    db,
    session.task.id,
    {
      event: { type: 'conversationChanged', sessionId: session.id, kind: 'prompt.queued' },
      actor: view.actor,
      newPrompt: { id, sessionId: session.id, text: input.text },
      idempotencyKey: key === null ? undefined : { key, inputHash, objectId: id },
    },
    session.task,
  );
  if (!changed) throw new NotFoundError('The session does not exist.', { field: 'sessionId' });
  switch (changed.outcome) {
    case 'changed':
      return existing(view, id);
    case 'duplicateKey':
      return existing(view, (await earlier()) ?? '');
    case 'refused':
      throw takesNoPrompts(sessionOf(changed.task, session.id) ?? session);
  }
}

async function existing(view: View, id: string): Promise<Prompt> {
  const [prompt] = await findPrompts(view, [id]);
  if (!prompt) throw new NotFoundError('The prompt does not exist.');
  return prompt;
}

function takesNoPrompts({ status, task }: TaskSession): InvalidStateError {
  const message =
    status === 'ready'
      ? 'The session is not followed, so it takes no prompts.'
      : `A session that is ${status.toUpperCase()} takes no prompts.`;
  return new InvalidStateError(message, task.state.status);
}
