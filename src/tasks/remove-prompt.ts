import { InvalidStateError, NotFoundError } from './domain/errors.ts';
import type { Prompt } from './domain/transcript/prompt.ts';
import { changePromptOfTask } from './store/prompt-changes.ts';
import { findPrompts } from './store/view/prompt-queries.ts';
import { findSession } from './store/view/task-queries.ts';
import { View } from './store/view/view.ts';

/** Takes a prompt back that the agent has not got. Throws NotFoundError, and InvalidStateError unless it is queued. */
export async function removePrompt(view: View, id: string): Promise<Prompt> {
  const known = await find(view, id);
  if (known.state === 'removed') return known;
  const session = await findSession(view, known.sessionId);
  if (!session) throw new NotFoundError('The prompt does not exist.');
  await changePromptOfTask(
    View.databaseOf(view),
    session.task.id,
    { type: 'conversationChanged', sessionId: session.id, kind: 'prompt.removed' },
    view.actor,
    { id, from: ['queued'], to: 'removed' },
  );
  const prompt = await find(view, id);
  if (prompt.state === 'removed') return prompt;
  throw new InvalidStateError(
    `A prompt that is ${prompt.state.toUpperCase()} cannot be removed.`,
    session.task.state.status,
  );
}

async function find(view: View, id: string): Promise<Prompt> {
  const [prompt] = await findPrompts(view, [id]);
  if (!prompt) throw new NotFoundError('The prompt does not exist.');
  return prompt;
}
