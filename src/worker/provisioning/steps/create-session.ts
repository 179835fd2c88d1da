import type { AgentEndpoint, StepContext } from '../../../sandbox/provider.ts';
import { sessionKey } from '../../../tasks/domain/external-keys.ts';
import type { Session } from '../../../tasks/domain/task.ts';
import { StepError } from '../failure.ts';
import { startAgent } from './ensure-agent.ts';
import { type Step, type StepWork, sandboxOf } from './step.ts';

/** Opens the task's first session with the agent, and hands over its prompt. */
export const createSession: Step = async (work, context) => {
  const [session] = work.task.state.sessions;
  if (!work.endpoint) throw new StepError('AGENT_GONE', 'The task has no agent server.');
  await open(work, session, work.endpoint as AgentEndpoint, context);
  return { event: { type: 'sessionOpened', sessionId: session.id } };
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
    await open(work, session, endpoint, context);
    return { event: { type: 'sessionOpened', sessionId }, workerData: { endpoint } };
  };
}

async function open(work: StepWork, session: Session, endpoint: AgentEndpoint, context: StepContext) {
  const { provider } = work;
  const prompt = await work.readPrompt(session.id);
  const request = { key: sessionKey(session.id), agent: session.agent, prompt };
  const answer: unknown = await provider.createSession(sandboxOf(work), endpoint, request, context);
  const { sessionId } = (answer ?? {}) as { sessionId?: unknown };
  if (typeof sessionId !== 'string' || sessionId === '') {
    throw new StepError('SESSION_FAILED', `Provider ${provider.name} did not answer with a session.`);
  }
}
