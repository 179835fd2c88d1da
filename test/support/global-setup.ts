import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbedded } from '../../src/db/embedded/start.ts';
import { createLogger } from '../../src/log.ts';
import { endLeftovers, markName } from './leftovers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the database cluster that all test files share. */
    adminUrl: string;
  }
}

/** One cluster for the whole run; at its end the run fails when a process that it started is still there. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'groundcrew-test-'));
  // As root another user runs the database, and must pass.
  await chmod(dataDir, 0o711);
  const embedded = await startEmbedded({
    dataDir,
    logger: createLogger('error'),
    // Nobody needs these data after a power cut.
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' },
  });
  project.provide('adminUrl', embedded.url);
  // Where a signal ends the run, what is returned below is not called.
  process.once('exit', () => rmSync(dataDir, { recursive: true, force: true, maxRetries: 10 }));
  // Only now: what the test files start carries the mark, the cluster does not.
  const mark = randomUUID();
  process.env[markName] = mark;

  return async () => {
    delete process.env[markName];
    try {
      const leftovers = await endLeftovers(mark);
      if (leftovers.length > 0) {
        process.exitCode = 1;
        throw new Error(`the tests left processes running (ended now):\n${leftovers.join('\n')}`);
      }
    } finally {
      await embedded.stop();
      await rm(dataDir, { recursive: true, force: true });
    }
  };
}
