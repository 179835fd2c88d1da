import { InvalidInputError, InvalidStateError, NotFoundError } from './domain/errors.ts';
import type { AgentRequest } from './domain/transcript/request.ts';
import { answerOpenRequest } from './store/prompt-changes.ts';
import { findRequests } from './store/view/prompt-queries.ts';
import { findSession } from './store/view/task-queries.ts';
import { View } from './store/view/view.ts';

/**
 * Answers what an agent waits for. The first answer counts; a later one with the same option returns the request as it is.
 * Throws NotFoundError, InvalidInputError for an option that it does not have, and InvalidStateError.
 */
export async function answerAgentRequest(
  view: View,
  { requestId, optionId }: { readonly requestId: string; readonly optionId: string },
): Promise<AgentRequest> {
  const known = await find(view, requestId);
  const session = await findSession(view, known.sessionId);
  if (!session) throw new NotFoundError('The request does not exist.', { field: 'requestId' });
  if (!known.options.some(({ id }) => id === optionId)) {
    throw new InvalidInputError('The request does not have this option.', { field: 'optionId' });
  }
  if (known.state === 'open') {
    const { id: sessionId, task } = session;
    await answerOpenRequest(
      View.databaseOf(view),
      { taskId: task.id, sessionId, requestId },
      optionId,
      view.actor,
    );
  }
  const request = await find(view, requestId);
  if (request.state === 'answered' && request.answer === optionId) return request;
  throw new InvalidStateError(
    request.state === 'answered'
      ? 'The request was answered with another option.'
      : `A request that is ${request.state.toUpperCase()} takes no answer.`,
    session.task.state.status,
  );
}

async function find(view: View, id: string): Promise<AgentRequest> {
  const [request] = await findRequests(view, [id]);
  if (!request) throw new NotFoundError('The request does not exist.', { field: 'requestId' });
  return request;
}
