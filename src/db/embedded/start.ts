import { totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { freePort } from '../../free-port.ts';
import type { Logger } from '../../log.ts';
import { findBinaries } from './binaries.ts';
import { type Cluster, openCluster } from './cluster.ts';
import { prepareClusterDir } from './cluster-dir.ts';
import { EmbeddedPostgresError } from './error.ts';
import { lockClusterDir } from './lock.ts';
import { endOrphans, postmasterPid } from './orphan.ts';
import { embeddedUrl } from './running.ts';
import { launch, type Server } from './server.ts';
import { supervise } from './supervisor.ts';

export interface EmbeddedOptions {
  /** Absolute. The database is kept in its folder `postgres`. */
  readonly dataDir: string;
  readonly logger: Logger;
  /** PostgreSQL's settings; they win over ours. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  /** The superuser's, with its password. Stays the same when the server is started again after a crash. */
  readonly url: string;
  /** Never rejects. Undefined after `stop`; the reason when the server ended and could not be started again. */
  readonly exited: Promise<Error | undefined>;
  /** Resolves when the server is gone, after 15 s at most. May be called again. */
  stop(): Promise<void>;
}

const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '',
  jit: 'off',
  // What PostgreSQL does not hold is mostly in the memory of the operating system: to have another process read it takes longer.
  io_method: 'sync',
  shared_buffers: sharedBuffers(),
};
const attempts = 10;
const pauseMs = 200;

/**
 * How much of its tables PostgreSQL holds, in megabytes. It takes the memory only as it reads them, but for up to 20 MB that describe
 * it. Its own default of 128 MB is what 7,000 tasks take, and a machine that also runs agents has more.
 */
function sharedBuffers(): string {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  return `${Math.round(Math.min(512, Math.max(128, memory / 16 / 2 ** 20)))}MB`;
}

/**
 * Starts the PostgreSQL of node_modules on the data in `dataDir`, which the first start makes. Takes the data over from a
 * process that was killed, and ends its server if that still runs. Throws DataDirInUseError while another live process
 * uses the data, EmbeddedPostgresError when the server cannot run; both say why on one line.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  const { logger } = options;
  const clusterDir = await prepareClusterDir(dataDir, logger);
  const lock = await lockClusterDir(clusterDir.path, dataDir);
  try {
    const binaries = await findBinaries(clusterDir.account);
    await endOrphans(join(clusterDir.path, 'data'), logger);
    const cluster = await openCluster(clusterDir, binaries, logger);

    const start = async (port: number) =>
      launch(
        {
          program: binaries.postgres,
          data: cluster.data,
          account: clusterDir.account,
          settings: { ...settings, ...options.settings, port: String(port) },
          stalePid: await postmasterPid(cluster.data),
        },
        logger,
      );
    let port = 0;
    const first = await startWithRetry(cluster, logger, async () => {
      port = await freePort();
      return start(port);
    });
    // On the same port, so that all connections come back by themselves.
    const server = supervise(first, () => startWithRetry(cluster, logger, () => start(port)), logger);
    const url = embeddedUrl(cluster.password, port);
    let stopped: Promise<void> | undefined;
    const stop = () => {
      stopped ??= server.stop().finally(() => lock.release());
      return stopped;
    };
    return { url, exited: server.exited, stop };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Retries when another program took the port, or when backends have outlived their server. */
async function startWithRetry(
  cluster: Cluster,
  logger: Logger,
  start: () => Promise<Server>,
): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof EmbeddedPostgresError) || attempt === attempts) throw error;
      if (/pre-existing shared memory block/.test(error.message)) await endOrphans(cluster.data, logger);
      else if (!/could not (bind|create any TCP)/.test(error.message)) throw error;
      await setTimeout(pauseMs);
    }
  }
}
