import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Logger } from '../../log.ts';
import type { AgentEndpoint, StepContext } from '../../sandbox/provider.ts';
import type { Providers } from '../../sandbox/registry.ts';
import type { Database } from '../../tables/database.ts';
import { sessionKey } from '../../tasks/domain/external-keys.ts';
import { type Connection, FollowLostError } from '../../tasks/domain/transcript/connection.ts';
import { type FollowedConversation, readSandboxOf } from '../../tasks/store/conversations.ts';
import { runAttempt } from '../attempt.ts';
import { openedSession } from '../provisioning/steps/create-session.ts';
import { agentEndpoint } from '../provisioning/steps/ensure-agent.ts';

export interface RestartDependencies {
  readonly db: Database;
  readonly providers: Providers;
  readonly logger: Logger;
}

const maxAttempts = 3;
const pauseMs = 1_000;
/** Milliseconds; those of the steps that do the same. */
const ensureAgentMs = 300_000;
const createSessionMs = 120_000;
const endSessionMs = 30_000;

/** Whether the agent's process of a session can be ended. */
export async function canEndAgent(
  { db, providers }: RestartDependencies,
  { taskId }: FollowedConversation,
): Promise<boolean> {
  const found = await readSandboxOf(db, taskId);
  return found !== null && providers.get(found.provider)?.endSession !== undefined;
}

/**
 * Starts the agent of a session again, after ending its process where that is asked for, and opens the session again. Rejects
 * with the last error once no attempt is left.
 */
export async function restartAgent(
  { db, providers, logger }: RestartDependencies,
  conversation: FollowedConversation,
  endsProcess: boolean,
  signal: AbortSignal,
): Promise<Connection> {
  const { lease, taskId, connection } = conversation;
  const found = await retryWhileUnavailable(() => readSandboxOf(db, taskId), signal);
  const provider = found && providers.get(found.provider);
  const agent = found?.agentOf(lease.sessionId);
  if (!found || !provider || agent === undefined) {
    throw new FollowLostError(`The sandbox of ${lease.sessionId} is gone.`);
  }
  const { sandbox } = found;
  const key = sessionKey(lease.sessionId);
  const endpoint: AgentEndpoint = {
    baseUrl: connection.baseUrl,
    ...(connection.token === undefined ? {} : { token: connection.token }),
  };
  const run = <T>(number: number, timeoutMs: number, work: (context: StepContext) => Promise<T>) =>
    runAttempt({ number, timeoutMs, signal, log: (line) => logger.info({ line }, 'provider') }, work);
  if (endsProcess) {
    const session = { key, sessionId: connection.agentSessionId };
    await run(1, endSessionMs, async (context) => provider.endSession?.(sandbox, endpoint, session, context));
  }
  for (let number = 1; ; number += 1) {
    try {
      const started = agentEndpoint.parse(
        await run(number, ensureAgentMs, (context) => provider.ensureAgent(sandbox, { agent }, context)),
      );
      const next = {
        baseUrl: started.baseUrl,
        ...(started.token === undefined ? {} : { token: started.token }),
      };
      const request = { key, agent, prompt: '' };
      const opened = openedSession.parse(
        await run(number, createSessionMs, (context) =>
          provider.createSession(sandbox, next, request, context),
        ),
      );
      if (!opened.acp) throw new Error('The session cannot be followed any more.');
      return { ...next, ...opened.acp, agentSessionId: opened.sessionId };
    } catch (error) {
      signal.throwIfAborted();
      const isFinal = (error as { retryable?: unknown }).retryable === false || error instanceof z.ZodError;
      logger.warn(
        { err: error, sessionId: lease.sessionId, attempt: number },
        'the agent could not be restarted',
      );
      if (isFinal || number >= maxAttempts) throw error;
      await delay(pauseMs * number, undefined, { signal });
    }
  }
}
