import { AgentServerGoneError } from '../../agents/agent-server.ts';
import type { Logger } from '../../log.ts';
import type { SandboxProvider, SandboxRef, StepContext } from '../provider.ts';
import { secretsOfAgents } from './agent/agent-environment.ts';
import { endAgents } from './agent/end-agents.ts';
import { ensureAgent, findServer } from './agent/ensure-agent.ts';
import { endSession, openSession } from './agent/open-session.ts';
import { createSandbox } from './create-sandbox.ts';
import { destroySandbox } from './destroy-sandbox.ts';
import { LocalSandboxError, sandboxGone, withCode } from './errors.ts';
import { exists, type LocalFolders, openFolders } from './folders.ts';
import { listSandboxes } from './list-sandboxes.ts';
import { localSandbox } from './sandbox-paths.ts';

export interface LocalProviderOptions {
  /** Holds the mirrors and the sandboxes. Workers that share it must run on one machine. */
  readonly dataDir: string;
  /** Whether a repository may be a path on this machine. */
  readonly allowLocalRepos: boolean;
  readonly logger: Logger;
  /** Milliseconds that an agent may take for each answer until its session is open. Default: 100,000. */
  readonly agentTimeoutMs?: number;
}

/**
 * An agent that is silent for longer is ended and started again. Below the default timeout of the step, 120 s, so that the
 * task's error says what happened; not much below, because agents start slowly on a busy machine.
 */
const defaultAgentTimeoutMs = 100_000;

export interface LocalProvider extends SandboxProvider {
  /**
   * Ends every process in the sandboxes of this data folder, for a command that must leave nothing running. A worker that
   * stops does not call it: the next worker finds the agents running.
   */
  endAgents(signal: AbortSignal): Promise<void>;
}

/**
 * Sandboxes that are folders on this machine, with processes that outlive the worker. They separate the tasks from each
 * other. They do not restrict the agent: it may do everything that the user of the worker may do.
 */
export function createLocalProvider(options: LocalProviderOptions): LocalProvider {
  const { logger, agentTimeoutMs = defaultAgentTimeoutMs } = options;
  let opened: Promise<LocalFolders> | undefined;
  const folders = () => {
    opened ??= openFolders(options.dataDir, options.allowLocalRepos);
    opened.catch(() => {
      opened = undefined; // the next call tries again: a full disk may have room by then
    });
    return opened;
  };
  const find = async ({ id }: SandboxRef) => localSandbox(await folders(), id);

  /** The error to report for a failure in a sandbox: SANDBOX_GONE when the sandbox was destroyed meanwhile. */
  async function agentError(
    error: unknown,
    code: 'AGENT_FAILED' | 'SESSION_FAILED',
    sandbox: SandboxRef,
    { signal }: StepContext,
  ): Promise<unknown> {
    if (signal.aborted || (error instanceof LocalSandboxError && !error.retryable)) {
      return withCode(error, code, signal);
    }
    const { key, description } = await find(sandbox);
    if (!(await exists(description))) return sandboxGone(key);
    if (error instanceof AgentServerGoneError) {
      return new LocalSandboxError('AGENT_GONE', error.message, { cause: error });
    }
    return withCode(error, code, signal);
  }

  return {
    name: 'local',

    async location() {
      return (await folders()).location;
    },

    async createSandbox(request, context) {
      try {
        return await createSandbox(await folders(), request, context);
      } catch (error) {
        throw withCode(error, 'SANDBOX_FAILED', context.signal);
      }
    },

    async ensureAgent(sandbox, { agent }, context) {
      try {
        const server = await ensureAgent(await find(sandbox), agent, context.signal);
        return { baseUrl: server.baseUrl, ...(server.token ? { token: server.token } : {}) };
      } catch (error) {
        throw await agentError(error, 'AGENT_FAILED', sandbox, context);
      }
    },

    async createSession(sandbox, endpoint, request, context) {
      try {
        const found = await find(sandbox);
        const inUse = await findServer(found, endpoint.baseUrl, request.agent, context.signal);
        return await openSession(found, inUse, request, context, agentTimeoutMs);
      } catch (error) {
        throw await agentError(error, 'SESSION_FAILED', sandbox, context);
      }
    },

    secrets: () => secretsOfAgents(process.env),

    async endSession(sandbox, endpoint, { key }, context) {
      const found = await find(sandbox);
      const inUse = await findServer(found, endpoint.baseUrl, null, context.signal);
      await endSession(found, inUse, key);
    },

    async destroySandbox(key, context) {
      await destroySandbox(await folders(), key, context.signal);
      logger.debug({ key }, 'sandbox destroyed');
    },

    async listSandboxes() {
      return await listSandboxes(await folders());
    },

    async endAgents(signal) {
      await endAgents(await folders(), signal);
    },
  };
}
