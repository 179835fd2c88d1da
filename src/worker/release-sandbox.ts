import type { EntityManager } from '@mikro-orm/postgresql';
import type { Logger } from '../log.ts';
import type { Providers } from '../sandbox/registry.ts';
import { findSandboxToRelease, sandboxNotReleased, sandboxReleased } from '../tasks/sandbox-ledger.ts';
import { runAttempt } from './attempt.ts';

export interface ReleaseDependencies {
  em(): EntityManager;
  readonly logger: Logger;
  readonly providers: Providers;
  readonly handOver: AbortSignal;
}

const timeoutMs = 60_000;

/** Has the provider remove a sandbox that nobody wants any more; tried until it succeeds. */
export async function releaseSandbox(key: string, dependencies: ReleaseDependencies): Promise<void> {
  const { em, providers, handOver } = dependencies;
  const sandbox = await findSandboxToRelease(em(), key);
  if (!sandbox) return;
  const logger = dependencies.logger.child({ taskId: sandbox.taskId, sandbox: key });
  try {
    const provider = providers.get(sandbox.provider);
    if (!provider) throw new Error(`this worker has no provider "${sandbox.provider}"`);
    const log = (line: string) => logger.info({ line }, 'provider');
    await runAttempt({ number: sandbox.failures + 1, timeoutMs, signal: handOver, log }, (context) =>
      provider.destroySandbox(key, context),
    );
  } catch (error) {
    logger.warn({ err: error }, 'could not release the sandbox');
    await sandboxNotReleased(em(), sandbox);
    return;
  }
  await sandboxReleased(em(), sandbox);
  logger.info('sandbox released');
}
