import type { AgentServer } from './agent-server.ts';

/** The agent is unknown, or not installed on this machine. */
export class AgentMissingError extends Error {
  override readonly name = 'AgentMissingError';
}

/**
 * The agent server's name for an agent. Our agent `demo` takes the place of its agent `mock`, which only echoes: the server
 * starts the launcher of that name when it finds one.
 */
export function serverAgentId(agent: string): string {
  if (agent === 'mock' || !/^[a-z0-9][a-z0-9-]{0,63}$/.test(agent)) throw unknownAgent(agent);
  return agent === 'demo' ? 'mock' : agent;
}

/** Throws AgentMissingError unless the server finds the agent installed. */
export async function assertInstalled(
  server: AgentServer,
  agent: string,
  signal: AbortSignal,
): Promise<void> {
  const installed = (await server.agents(signal)).get(serverAgentId(agent));
  if (installed === undefined) throw unknownAgent(agent);
  if (!installed) throw new AgentMissingError(`The agent "${agent}" is not installed on this machine.`);
}

function unknownAgent(agent: string): AgentMissingError {
  return new AgentMissingError(`The agent "${agent.slice(0, 100)}" is unknown.`);
}
