import type { AgentServer } from './agent-server.ts';

/** There is no such agent here: it is unknown, or not installed. */
export class AgentMissingError extends Error {
  override readonly name = 'AgentMissingError';
}

/**
 * The agent server's own name for an agent. Its `mock` is a placeholder, an agent that only echoes; a launcher under
 * that name takes its place, and so it is our `demo`.
 */
export function serverAgentId(agent: string): string {
  if (agent === 'mock' || !/^[a-z0-9][a-z0-9-]{0,63}$/.test(agent)) throw unknown(agent);
  return agent === 'demo' ? 'mock' : agent;
}

/** Throws AgentMissingError unless the server can find the agent. Installs nothing. */
export async function assertInstalled(
  server: AgentServer,
  agent: string,
  signal: AbortSignal,
): Promise<void> {
  const installed = (await server.agents(signal)).get(serverAgentId(agent));
  if (installed === undefined) throw unknown(agent);
  if (!installed) throw new AgentMissingError(`The agent "${agent}" is not installed on this machine.`);
}

function unknown(agent: string): AgentMissingError {
  return new AgentMissingError(`The agent "${agent.slice(0, 100)}" is unknown.`);
}
