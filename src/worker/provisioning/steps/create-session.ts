import { z } from 'zod';
import type { AgentEndpoint, StepContext } from '../../../sandbox/provider.ts';
import { sessionKey } from '../../../tasks/domain/external-keys.ts';
import type { Session } from '../../../tasks/domain/task.ts';
import { inSpan } from '../../../tracing/tracing.ts';
import { StepError } from '../../failure.ts';
import { startAgent } from './ensure-agent.ts';
import { callOf, type Step, type StepWork, sandboxOf, storableText } from './step.ts';

/** Opens the task's first session with the agent, and hands over its prompt. */
export const createSession: Step = async (work, context) => {
  const [session] = work.task.state.sessions;
  if (!work.endpoint) throw new StepError('AGENT_GONE', 'The task has no agent server.');
  const isFollowed = await open(work, session, work.endpoint as AgentEndpoint, context);
  return { event: { type: 'sessionOpened', sessionId: session.id, isFollowed } };
};

/** Opens a session that was added later. Its agent may differ from the task's, and may have to be started again. */
export function createLaterSession(sessionId: string): Step {
  return async (work, context) => {
    const session = work.task.state.sessions.find(({ id }) => id === sessionId);
    if (!session) throw new Error(`The task has no session ${sessionId}.`);
    const known = work.endpoint as AgentEndpoint | null;
    const endpoint =
      known && session.agent === work.task.agent && session.failures === 0
        ? known
        : await startAgent(work, session.agent, context);
    const isFollowed = await open(work, session, endpoint, context);
    return { event: { type: 'sessionOpened', sessionId, isFollowed }, workerData: { endpoint } };
  };
}

export const openedSession = z.object({
  sessionId: storableText(1_000),
  acp: z
    .object({ server: storableText(500), replayedBefore: storableText(200).optional() })
    .transform(({ server, replayedBefore }) =>
      replayedBefore === undefined ? { server } : { server, replayedBefore },
    )
    .optional(),
});

/** Whether the session is followed: then its first prompt has been handed over, by the provider or by the follower. */
async function open(
  work: StepWork,
  session: Session,
  endpoint: AgentEndpoint,
  context: StepContext,
): Promise<boolean> {
  const { provider } = work;
  const prompt = await work.readPrompt(session.id);
  const request = { key: sessionKey(session.id), agent: session.agent, prompt };
  const answer: unknown = await inSpan(callOf('createSession'), () =>
    provider.createSession(sandboxOf(work), endpoint, request, context),
  );
  const opened = openedSession.safeParse(answer);
  if (!opened.success) {
    throw new StepError('SESSION_FAILED', `Provider ${provider.name} did not answer with a session.`);
  }
  const { sessionId, acp } = opened.data;
  if (!acp) return false;
  const connection = { ...endpoint, ...acp, agentSessionId: sessionId };
  await work.follow(session.id, connection, context.signal);
  return true;
}
