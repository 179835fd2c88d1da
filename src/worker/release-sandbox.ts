import type { Logger } from '../log.ts';
import type { Providers } from '../sandbox/registry.ts';
import type { Database } from '../tables/database.ts';
import {
  findSandboxToRelease,
  forwardRelease,
  recordSandboxReleased,
  scheduleReleaseRetry,
} from '../tasks/store/sandbox-ledger.ts';
import { runAttempt } from './attempt.ts';
import { isReachable, type Locations } from './locations.ts';

export interface ReleaseDependencies {
  readonly db: Database;
  readonly logger: Logger;
  readonly providers: Providers;
  readonly locations: Locations;
  readonly interrupt: AbortSignal;
}

const timeoutMs = 60_000;

/** Has the provider destroy a sandbox that its task no longer needs. Schedules another attempt when that fails. */
export async function releaseSandbox(key: string, dependencies: ReleaseDependencies): Promise<void> {
  const { db, providers, locations, interrupt } = dependencies;
  const sandbox = await findSandboxToRelease(db, key);
  if (!sandbox) return;
  if (!isReachable(locations, sandbox.provider, sandbox.location)) return forwardRelease(db, sandbox);
  const logger = dependencies.logger.child({ taskId: sandbox.taskId, sandbox: key });
  try {
    const provider = providers.get(sandbox.provider);
    if (!provider) throw new Error(`This worker has no provider "${sandbox.provider}".`);
    const log = (line: string) => logger.info({ line }, 'provider');
    await runAttempt({ number: sandbox.failures + 1, timeoutMs, signal: interrupt, log }, (context) =>
      provider.destroySandbox(key, context),
    );
  } catch (error) {
    logger.warn({ err: error }, 'could not release the sandbox');
    await scheduleReleaseRetry(db, sandbox);
    return;
  }
  await recordSandboxReleased(db, sandbox);
  logger.info('sandbox released');
}
