import type { Logger } from '../../log.ts';
import type { SandboxProvider } from '../../sandbox/provider.ts';
import type { Providers } from '../../sandbox/registry.ts';
import type { Database } from '../../tables/database.ts';
import { requeueRelease } from '../../tasks/store/sandbox-ledger.ts';
import { runAttempt } from '../attempt.ts';

const listTimeoutMs = 10_000;

interface SandboxSweep {
  readonly db: Database;
  readonly providers: Providers;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Releases again the sandboxes that providers list although their task is closed. */
export async function sweepSandboxes(sweep: SandboxSweep): Promise<void> {
  const { providers, logger, signal } = sweep;
  for (const name of providers.names) {
    const provider = providers.get(name);
    if (!provider) continue;
    try {
      await sweepProvider(provider, sweep);
    } catch (error) {
      if (!signal.aborted) logger.warn({ err: error, provider: name }, 'could not sweep the sandboxes');
    }
  }
}

async function sweepProvider(provider: SandboxProvider, { db, logger, signal }: SandboxSweep): Promise<void> {
  const log = (line: string) => logger.info({ provider: provider.name, line }, 'provider');
  const listed = await runAttempt({ number: 1, timeoutMs: listTimeoutMs, signal, log }, (context) =>
    provider.listSandboxes(context),
  );
  // Only what stands in the ledger is released: anything else was made by another installation.
  const leaked = await requeueRelease(
    db,
    listed.map(({ key }) => key),
  );
  if (leaked.length === 0) return;
  logger.warn({ provider: provider.name, leaked: leaked.length, keys: leaked }, 'leaked sandboxes');
}
