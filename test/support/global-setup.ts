import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { prepareClusterDir } from '../../src/db/embedded/cluster-dir.ts';
import { startEmbedded } from '../../src/db/embedded/start.ts';
import { createLogger } from '../../src/log.ts';
import { bundleProgram } from './bundled-program.ts';
import { programName } from './groundcrew-processes.ts';
import { endLeftovers, markName } from './leftovers.ts';
import { carelessSettings, copyModelCluster, createTemplate, makeModelCluster } from './model-cluster.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the database cluster that all test files share. */
    adminUrl: string;
    /** The data folder of the stopped cluster that others are copies of; see `model-cluster.ts`. */
    modelCluster: string;
    /** Programs that tests start, by their sources. */
    programs: { readonly providerCall: string; readonly holdEmbedded: string };
  }
}

/**
 * Starts one database cluster for the whole run. Vitest calls this for each project that has test files to run; the first
 * call does the work for all. At its end the run fails when a process that a test has started is still there.
 */
export default async function setup({ vitest }: TestProject): Promise<(() => Promise<void>) | undefined> {
  const run = vitest.getRootProject();
  if ('adminUrl' in run.getProvidedContext()) return undefined;
  const folder = await makeTemporaryFolder();
  // When a signal ends the run, vitest does not call what is returned below.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
  process.env.TMPDIR = folder;
  const model = join(folder, 'model-cluster');
  await makeModelCluster(model);
  run.provide('modelCluster', model);
  const dataDir = join(folder, 'shared-cluster');
  await mkdir(dataDir, { mode: 0o711 });
  const logger = createLogger('error');
  await copyModelCluster(model, (await prepareClusterDir(dataDir, logger)).path);
  const embedded = await startEmbedded({ dataDir, logger, settings: carelessSettings });
  await createTemplate(embedded.url);
  run.provide('adminUrl', embedded.url);
  // Here, and not in the processes of the tests: the bundler's memory would be copied with each program that they start.
  process.env[programName] = await bundleProgram('src/main.ts');
  run.provide('programs', {
    providerCall: await bundleProgram('test/sandbox/provider-call.ts'),
    holdEmbedded: await bundleProgram('test/db/embedded/hold-embedded.ts'),
  });
  // Set after the cluster was started, so that only what the tests start carries the mark.
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
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    }
  };
}
