import type { AgentEndpoint, StepContext } from '../../../sandbox/provider.ts';
import { sessionKey } from '../../../tasks/domain/external-keys.ts';
import type { Session } from '../../../tasks/domain/task.ts';
import { StepError } from '../failure.ts';
import { startAgent } from './ensure-agent.ts';
import { now, resultOf, type Step, type StepResult, type StepWork, sandboxOf } from './step.ts';

/** Opens the task's first session with the agent, and hands it the prompt. */
export const createSession: Step = async (work, context) => {
  const [session] = work.task.state.sessions;
  if (!work.endpoint) throw new StepError('AGENT_GONE', 'the task has no agent server');
  await open(work, session, work.endpoint as AgentEndpoint, context);
  return resultOf(work, { type: 'sessionOpened', at: now(), sessionId: session.id });
};

/** Opens a session that was added later, and has its agent installed, or started again, when need be. */
export async function createLaterSession(
  work: StepWork,
  session: Session,
  context: StepContext,
): Promise<StepResult> {
  const known = work.endpoint as AgentEndpoint | null;
  const endpoint =
    known && session.agent === work.task.agent && session.failures === 0
      ? known
      : await startAgent(work, session.agent, context);
  await open(work, session, endpoint, context);
  return resultOf(work, { type: 'sessionOpened', at: now(), sessionId: session.id }, { endpoint });
}

async function open(work: StepWork, session: Session, endpoint: AgentEndpoint, context: StepContext) {
  const prompt = await work.readPrompt(session.id);
  const request = { key: sessionKey(session.id), agent: session.agent, prompt };
  const answer: unknown = await work.provider.createSession(sandboxOf(work), endpoint, request, context);
  const { sessionId } = (answer ?? {}) as { sessionId?: unknown };
  if (typeof sessionId !== 'string' || sessionId === '') {
    throw new StepError('SESSION_FAILED', `provider ${work.provider.name} answered with no session`);
  }
}
