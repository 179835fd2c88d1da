import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../log.ts';
import type { Binaries } from './binaries.ts';
import type { ClusterDir } from './cluster-dir.ts';
import { EmbeddedPostgresError } from './error.ts';
import { type Account, runTool } from './tool.ts';

/** The name of the superuser, and of the database. */
export const clusterName = 'groundcrew';
const stagingPrefix = 'making-';

export interface Cluster {
  readonly data: string;
  readonly password: string;
}

/** Opens the cluster in the folder, or makes it when there is no complete one. The caller MUST hold the folder's lock. */
export async function openCluster(
  clusterDir: ClusterDir,
  binaries: Binaries,
  logger: Logger,
): Promise<Cluster> {
  const data = join(clusterDir.path, 'data');
  await removeHalfMade(clusterDir.path);
  const passwordFile = join(clusterDir.path, 'password');
  if (!(await stat(join(data, 'PG_VERSION')).catch(() => undefined))) {
    const began = performance.now();
    const password = randomBytes(24).toString('hex');
    await writeFile(passwordFile, password, { mode: 0o600 });
    await makeCluster(clusterDir, binaries, data, password);
    logger.info({ data, ms: Math.round(performance.now() - began) }, 'made the embedded database');
    return { data, password };
  }
  await requireSameVersion(data, binaries, clusterDir.account);
  const password = await readFile(passwordFile, 'utf8').catch((cause) => {
    throw new EmbeddedPostgresError(
      `the embedded database's password file cannot be read: ${cause.message}`,
      {
        cause,
      },
    );
  });
  return { data, password: password.trim() };
}

/** Renames it when it is complete, so that a kill in between leaves nothing that looks like a cluster. */
async function makeCluster(
  { path, account }: ClusterDir,
  binaries: Binaries,
  data: string,
  password: string,
): Promise<void> {
  const staging = await mkdtemp(join(path, stagingPrefix));
  try {
    const passwordFile = join(staging, 'password');
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (account) {
      for (const each of [staging, passwordFile]) await chown(each, account.uid, account.gid);
    }
    const made = join(staging, 'data');
    await runTool(
      binaries.initdb,
      [
        ...['-D', made, '--username', clusterName, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
        // Sorts by code point and knows Unicode's letters, alike on every machine.
        ...[
          '--encoding',
          'UTF8',
          '--locale',
          'C',
          '--locale-provider',
          'builtin',
          '--builtin-locale',
          'C.UTF-8',
        ],
        '--no-instructions',
      ],
      { account },
    );
    await runSingleUser(binaries, made, `CREATE DATABASE ${clusterName}`, account);
    await rename(made, data);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Runs a statement in PostgreSQL's single-user mode, which needs no port. */
async function runSingleUser(
  binaries: Binaries,
  data: string,
  statement: string,
  account: Account | undefined,
): Promise<void> {
  const output = await runTool(binaries.postgres, ['--single', '-D', data, 'postgres'], {
    account,
    input: `${statement}\n`,
  });
  // Its exit code is 0 even when the statement failed.
  const failure = output.split('\n').find((line) => /\b(ERROR|FATAL|PANIC):/.test(line));
  if (failure) throw new EmbeddedPostgresError(`${statement}: ${failure}`);
}

async function removeHalfMade(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (!name.startsWith(stagingPrefix)) continue;
    // An initdb whose parent was killed may still be writing there.
    await rm(join(dir, name), { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
  }
}

async function requireSameVersion(
  data: string,
  binaries: Binaries,
  account: Account | undefined,
): Promise<void> {
  const found = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim();
  const output = await runTool(binaries.postgres, ['--version'], { account });
  const major = /(\d+)\.\d+/.exec(output)?.[1];
  if (found === major) return;
  throw new EmbeddedPostgresError(
    `${data} was made by PostgreSQL ${found}, and this is PostgreSQL ${major}: move it away, or set DATABASE_URL`,
  );
}
