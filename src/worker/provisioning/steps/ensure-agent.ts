import { z } from 'zod';
import type { AgentEndpoint, StepContext } from '../../../sandbox/provider.ts';
import { StepError } from '../failure.ts';
import { now, resultOf, type Step, type StepWork, sandboxOf, storableText } from './step.ts';

const agentEndpoint = z.object({ baseUrl: storableText(2_000), token: storableText(8_000).optional() });

/** Has the agent's server installed and started in the sandbox, or found running. */
export const ensureAgent: Step = async (work, context) => {
  const endpoint = await startAgent(work, work.task.agent, context);
  return resultOf(work, { type: 'agentStarted', at: now() }, { endpoint });
};

export async function startAgent(
  work: StepWork,
  agent: string,
  context: StepContext,
): Promise<AgentEndpoint> {
  const answer = await work.provider.ensureAgent(sandboxOf(work), { agent }, context);
  const endpoint = agentEndpoint.safeParse(answer);
  if (!endpoint.success) {
    throw new StepError(
      'AGENT_FAILED',
      `provider ${work.provider.name} answered with no endpoint of an agent`,
    );
  }
  const { baseUrl, token } = endpoint.data;
  return token === undefined ? { baseUrl } : { baseUrl, token };
}
