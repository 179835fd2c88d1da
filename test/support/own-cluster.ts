import { chmod, chown, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { inject } from 'vitest';
import { findBinaries } from '../../src/db/embedded/binaries.ts';
import { clusterName, openCluster } from '../../src/db/embedded/cluster.ts';
import { prepareClusterDir } from '../../src/db/embedded/cluster-dir.ts';
import { endOrphans, postmasterPid } from '../../src/db/embedded/orphan.ts';
import { launch, type Server } from '../../src/db/embedded/server.ts';
import type { Account } from '../../src/db/embedded/tool.ts';
import { freePort } from '../../src/free-port.ts';
import { createLogger } from '../../src/log.ts';
import { copyModelCluster } from './model-cluster.ts';

/** A PostgreSQL that a test may stop, kill and start again, on the same port. */
export interface OwnCluster extends AsyncDisposable {
  readonly url: string;
  /** Does a fast shutdown. */
  stop(): Promise<void>;
  /** Kills the postmaster with SIGKILL; its backends end by themselves. */
  kill(): Promise<void>;
  /** One backend, with SIGKILL: the postmaster ends all others, recovers and goes on, with the start time that it had. */
  crashBackend(): Promise<void>;
  start(): Promise<void>;
}

export interface OwnClusterOptions {
  /** Returns further settings of PostgreSQL. What it writes into the folder belongs to the user of PostgreSQL. */
  readonly configure?: (folder: string) => Promise<Readonly<Record<string, string>>>;
}

export async function createOwnCluster({ configure }: OwnClusterOptions = {}): Promise<OwnCluster> {
  const logger = createLogger('silent');
  const dataDir = await mkdtemp(join(tmpdir(), 'groundcrew-chaos-'));
  // As root another user runs the database, and must pass.
  await chmod(dataDir, 0o711);
  const home = await prepareClusterDir(dataDir, logger);
  await copyModelCluster(inject('modelCluster'), home.path);
  const binaries = await findBinaries(home.account);
  const { data, password } = await openCluster(home, binaries, logger);
  const folder = join(dataDir, 'more');
  await mkdir(folder, { mode: 0o711 });
  const settings = await configure?.(folder);
  if (home.account) await giveTo(home.account, folder);
  const port = String(await freePort());
  let server: Server | undefined;

  const start = async () => {
    await endOrphans(data, logger);
    server = await launch(
      {
        program: binaries.postgres,
        data,
        account: home.account,
        // Without fsync: the kill of a process loses nothing that was written to the system's cache.
        settings: {
          port,
          listen_addresses: '127.0.0.1',
          unix_socket_directories: '',
          max_connections: '200',
          timezone: 'UTC',
          fsync: 'off',
          ...settings,
        },
        stalePid: await postmasterPid(data),
      },
      logger,
    );
  };
  await start();
  const url = `postgresql://${clusterName}:${password}@127.0.0.1:${port}/${clusterName}`;
  return {
    url,
    start,
    async stop() {
      await server?.stop();
    },
    async kill() {
      if (!server) return;
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
      await server.stop();
    },
    async crashBackend() {
      const client = new Client({ connectionString: url });
      const lost = new Promise<void>((resolve) => client.once('end', resolve));
      client.on('error', () => {});
      await client.connect();
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      process.kill(rows[0]?.pid as number, 'SIGKILL');
      await lost;
    },
    async [Symbol.asyncDispose]() {
      await server?.stop();
      await endOrphans(data, logger);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function giveTo({ uid, gid }: Account, folder: string): Promise<void> {
  const names = await readdir(folder);
  for (const path of [folder, ...names.map((name) => join(folder, name))]) await chown(path, uid, gid);
}
