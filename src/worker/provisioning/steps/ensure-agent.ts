import { z } from 'zod';
import type { AgentEndpoint, StepContext } from '../../../sandbox/provider.ts';
import { inSpan } from '../../../tracing/tracing.ts';
import { StepError } from '../../failure.ts';
import { callOf, type Step, type StepWork, sandboxOf, storableText } from './step.ts';

export const agentEndpoint = z.object({
  baseUrl: storableText(2_000),
  token: storableText(8_000).optional(),
});

/** Has the provider install and start the agent's server in the sandbox, or find it running. */
export const ensureAgent: Step = async (work, context) => ({
  workerData: { endpoint: await startAgent(work, work.task.agent, context) },
  event: { type: 'agentStarted' },
});

export async function startAgent(
  work: StepWork,
  agent: string,
  context: StepContext,
): Promise<AgentEndpoint> {
  const { provider } = work;
  const answer = await inSpan(callOf('ensureAgent'), () =>
    provider.ensureAgent(sandboxOf(work), { agent }, context),
  );
  const endpoint = agentEndpoint.safeParse(answer);
  if (!endpoint.success) {
    throw new StepError('AGENT_FAILED', `Provider ${provider.name} did not answer with a valid endpoint.`);
  }
  const { baseUrl, token } = endpoint.data;
  return token === undefined ? { baseUrl } : { baseUrl, token };
}
