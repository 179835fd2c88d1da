import type { Logger } from '../../log.ts';
import type { SandboxProvider } from '../../sandbox/provider.ts';
import type { Database } from '../../tables/database.ts';
import { recordMovedSandboxes, requeueRelease } from '../../tasks/store/sandbox-ledger.ts';
import { runAttempt } from '../attempt.ts';

const listTimeoutMs = 10_000;

interface SandboxSweep {
  readonly db: Database;
  readonly provider: SandboxProvider;
  /** Where this worker's provider looks; null: everywhere. */
  readonly location: string | null;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Releases again the sandboxes that the provider lists although their task is closed, and notes those that were moved. */
export async function sweepSandboxes(sweep: SandboxSweep): Promise<void> {
  const { provider, logger, signal } = sweep;
  try {
    await compare(sweep);
  } catch (error) {
    if (!signal.aborted)
      logger.warn({ err: error, provider: provider.name }, 'could not sweep the sandboxes');
  }
}

async function compare({ db, provider, location, logger, signal }: SandboxSweep): Promise<void> {
  const log = (line: string) => logger.info({ provider: provider.name, line }, 'provider');
  const listed = await runAttempt({ number: 1, timeoutMs: listTimeoutMs, signal, log }, (context) =>
    provider.listSandboxes(context),
  );
  // Only what stands in the ledger is released: anything else was made by another installation.
  const keys = listed.map(({ key }) => key);
  const leaked = await requeueRelease(db, keys, location);
  if (leaked.length > 0) {
    logger.warn({ provider: provider.name, leaked: leaked.length, keys: leaked }, 'leaked sandboxes');
  }
  const seen = new Map(listed.flatMap(({ key, cwd }) => (cwd === undefined ? [] : [[key, cwd] as const])));
  const tasks = await recordMovedSandboxes(db, seen, location);
  if (tasks.length > 0) logger.info({ provider: provider.name, tasks }, 'sandboxes were moved');
}
