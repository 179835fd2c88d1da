import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { startEmbedded } from '../../src/db/embedded/start.ts';
import { createLogger } from '../../src/log.ts';
import { migrate } from '../../src/tables/migrate.ts';

/** The database that test databases are copies of. */
export const template = 'groundcrew_template';

/** For a cluster that no test kills: its data are worth nothing afterwards. */
export const carelessSettings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

/**
 * Makes a cluster whose database is migrated, and stops it. All others of a test run are copies of it, because to make and to
 * migrate one takes nearly two seconds of a processor.
 */
export async function makeModelCluster(dataDir: string): Promise<void> {
  // As root another user runs the database, and must pass.
  await mkdir(dataDir, { mode: 0o711 });
  const embedded = await startEmbedded({
    dataDir,
    logger: createLogger('error'),
    settings: carelessSettings,
  });
  try {
    await makeLoginsCheap(embedded.url);
    await migrate(embedded.url);
  } finally {
    await embedded.stop();
  }
}

/** Copies the model to where a folder of a cluster has its files: `<dataDir>/postgres`, as `prepareClusterDir` made it. */
export async function copyModelCluster(model: string, clusterDir: string): Promise<void> {
  const parts = ['data', 'password'].map((name) => join(model, 'postgres', name));
  // Node's own copy leaves out whose the files are.
  await promisify(execFile)('cp', ['-pR', ...parts, clusterDir]);
}

/** Makes `template` from the migrated database of the cluster, which has connections of its own. */
export async function createTemplate(adminUrl: string): Promise<void> {
  const url = new URL(adminUrl);
  const source = url.pathname.slice(1);
  // A database that is copied may have no connection.
  url.pathname = '/postgres';
  const admin = new Client(url.href);
  await admin.connect();
  await admin.query(`CREATE DATABASE ${template} TEMPLATE ${source} STRATEGY FILE_COPY`);
  await admin.end();
}

/** Tests connect thousands of times, and the hashing of the password is most of what a connection costs the client. */
async function makeLoginsCheap(adminUrl: string): Promise<void> {
  const { username, password } = new URL(adminUrl);
  const client = new Client(adminUrl);
  await client.connect();
  await client.query('SET scram_iterations = 1');
  await client.query(`ALTER ROLE ${username} PASSWORD '${password}'`);
  await client.end();
}
