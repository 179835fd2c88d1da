import {
  chmod,
  chown,
  lstat,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { prepareClusterDir } from '../../../src/db/embedded/cluster-dir.ts';
import { type EmbeddedPostgres, startEmbedded } from '../../../src/db/embedded/start.ts';
import { createLogger } from '../../../src/log.ts';
import { copyModelCluster } from '../../support/model-cluster.ts';
import { isRunning, type StartedProcess, startProcess } from '../../support/processes.ts';
import { waitFor } from '../../support/wait-for.ts';

const logger = createLogger('silent');
const linux = process.platform === 'linux';
const root = process.getuid?.() === 0;

let dataDir: string;
let started: EmbeddedPostgres[] = [];

beforeEach(async () => {
  started = [];
  dataDir = await makeFolder();
});

afterEach(async () => {
  await Promise.all(started.map((embedded) => embedded.stop()));
  // A process of PostgreSQL that was killed may still write a file.
  await rm(dataDir, { recursive: true, force: true, maxRetries: 10 });
});

describe('startEmbedded', () => {
  it('keeps its data between starts', async () => {
    await copyCluster();
    const first = await start();
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS seven');
    await first.stop();
    await first.stop();
    expect(await first.exited).toBeUndefined();

    const second = await start();
    expect(await query(second.url, 'SELECT seven FROM kept')).toEqual([{ seven: 7 }]);
  });

  it('makes a UTF-8 database in the C locale, which listens on the loopback address and asks for a password', async () => {
    await copyCluster();
    const { url } = await start();
    expect(
      await query(
        url,
        `SELECT current_setting('server_encoding') AS encoding, lower('ÄÖ') AS lower, datlocale,
                current_setting('listen_addresses') AS host, current_setting('fsync') AS fsync
         FROM pg_database WHERE datname = current_database()`,
      ),
    ).toEqual([{ encoding: 'UTF8', lower: 'äö', datlocale: 'C.UTF-8', host: '127.0.0.1', fsync: 'on' }]);
    const wrong = new URL(url);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
    expect((await stat(join(dataDir, 'postgres/password'))).mode & 0o777).toBe(0o600);
  });

  it('ends the server when its process is killed, and has the data at the next start', async () => {
    await copyCluster();
    const holder = hold(dataDir);
    await query(await readyUrl(holder), 'CREATE TABLE kept AS SELECT 7 AS seven');
    const postmaster = await postmasterPid();
    holder.kill('SIGKILL');
    await holder.exit;
    await waitFor(() => !isRunning(postmaster), 5_000);

    const next = await start();
    expect(await query(next.url, 'SELECT seven FROM kept')).toEqual([{ seven: 7 }]);
  });

  it.runIf(linux)('ends a server that outlived its process, and takes its data over', async () => {
    await copyCluster();
    const holder = hold(dataDir);
    await query(await readyUrl(holder), 'CREATE TABLE kept AS SELECT 7 AS seven');
    const postmaster = await postmasterPid();
    for (const pid of await childrenOf(holder.pid)) {
      if (pid !== postmaster) process.kill(pid, 'SIGKILL');
    }
    holder.kill('SIGKILL');
    await holder.exit;
    expect(isRunning(postmaster)).toBe(true);

    const began = performance.now();
    const next = await start();
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(isRunning(postmaster)).toBe(false);
    expect(await query(next.url, 'SELECT seven FROM kept')).toEqual([{ seven: 7 }]);
  });

  it('refuses a data folder that another process uses, and names its pid', async () => {
    await copyCluster();
    const holder = hold(dataDir);
    await readyUrl(holder);
    await expect(start()).rejects.toThrow(
      `GROUNDCREW_DATA_DIR cannot be used: ${dataDir} is in use by another Groundcrew process (pid ${holder.pid}).`,
    );
    holder.kill('SIGTERM');
    await holder.exit;
    await start();
  });

  it('succeeds in exactly one of several processes that start at once', async () => {
    const holders = Array.from({ length: 3 }, () => hold(dataDir));
    const lines = await Promise.all(
      holders.map((holder) => holder.waitForLine(/^(ready|failed) (.*)/, 20_000)),
    );
    const winner = lines.findIndex((line) => line[1] === 'ready');
    for (const [index, line] of lines.entries()) {
      if (index !== winner) expect(line[2]).toContain(`(pid ${holders[winner]?.pid})`);
    }
    expect(lines.filter((line) => line[1] === 'ready')).toHaveLength(1);
  });

  it('makes the cluster when an earlier process was killed while it made one', async () => {
    const holder = hold(dataDir);
    const making = async () =>
      (await readdir(join(dataDir, 'postgres'))).filter((name) => name.startsWith('making-'));
    await waitFor(async () => {
      const [name = ''] = await making();
      return (await readdir(join(dataDir, 'postgres', name, 'data'))).includes('PG_VERSION');
    }, 5_000);
    holder.kill('SIGKILL');
    await holder.exit;
    await expect(stat(join(dataDir, 'postgres/data'))).rejects.toThrow('ENOENT');

    const next = await start();
    expect(await query(next.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await waitFor(async () => (await making()).length === 0);
  });

  it("starts when a stale postmaster.pid names another program's process", async () => {
    await copyCluster();
    const first = await start();
    const file = join(dataDir, 'postgres/data/postmaster.pid');
    const text = await readFile(file, 'utf8');
    const { uid, gid } = await stat(file);
    await first.stop();
    await using stranger = startProcess(['sleep', '600'], root ? { uid, gid } : {});
    await writeFile(file, text.replace(/^\d+/, String(stranger.pid)));
    await chown(file, uid, gid);
    await chmod(file, 0o600);

    const next = await start();
    expect(await query(next.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(isRunning(stranger.pid)).toBe(true);
  });

  it("keeps the server up after a terminal's Ctrl-C until its process stops it", async () => {
    await copyCluster();
    const holder = hold(dataDir);
    await readyUrl(holder);
    holder.killGroup('SIGINT');
    await holder.waitForLine(/^still answered after the signal$/);
    await holder.waitForLine(/^stopped$/);
    expect(await holder.exit).toEqual({ code: 0, signal: null });
  });

  it('starts a server that was killed again, on the same port', async () => {
    await copyCluster();
    const embedded = await start();
    await query(embedded.url, 'CREATE TABLE kept AS SELECT 7 AS seven');
    const postmaster = await postmasterPid();
    // A busy backend does not notice by itself that its server is gone.
    const busy = query(embedded.url, 'SELECT count(*) FROM generate_series(1, 10000000000)');
    const failed = expect(busy).rejects.toThrow();
    await waitFor(async () => {
      const active = `SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT count%'`;
      return (await query(embedded.url, active)).length === 1;
    });
    process.kill(postmaster, 'SIGKILL');
    await waitFor(async () => {
      const kept = await query(embedded.url, 'SELECT seven FROM kept');
      return (await postmasterPid()) !== postmaster && kept.length === 1;
    }, 15_000);
    await failed;
    await embedded.stop();
    expect(await embedded.exited).toBeUndefined();
  });

  it('throws with the last lines of a server that cannot start', async () => {
    await copyCluster();
    const options = { dataDir, logger, settings: { max_connections: 'many' } };
    await expect(startEmbedded(options)).rejects.toThrow(/invalid value for parameter "max_connections"/);
    await start();
  });

  it.runIf(root)('links to a folder outside when only root may enter the data folder', async () => {
    await chmod(dataDir, 0o700);
    const inner = join(dataDir, 'checkout', '.groundcrew');
    await copyCluster(inner);
    const first = await start(inner);
    const link = join(inner, 'postgres');
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    try {
      await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS seven');
      await first.stop();
      const second = await start(inner);
      expect(await query(second.url, 'SELECT seven FROM kept')).toEqual([{ seven: 7 }]);
      expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
      await second.stop();
    } finally {
      await rm(await readlink(link), { recursive: true });
    }
  });
});

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'groundcrew-embedded-'));
  // As root another user runs the database, and must pass.
  await chmod(folder, 0o711);
  return folder;
}

/** A whole cluster in the folder, which `startEmbedded` has made in another one: faster than initdb. */
async function copyCluster(folder = dataDir): Promise<void> {
  await copyModelCluster(inject('modelCluster'), (await prepareClusterDir(folder, logger)).path);
}

async function start(folder = dataDir): Promise<EmbeddedPostgres> {
  const embedded = await startEmbedded({ dataDir: folder, logger });
  started.push(embedded);
  return embedded;
}

function hold(folder: string): StartedProcess {
  return startProcess(['node', inject('programs').holdEmbedded, folder]);
}

async function readyUrl(holder: StartedProcess): Promise<string> {
  return (await holder.waitForLine(/^ready (.*)/, 20_000))[1] ?? '';
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new Client(url);
  // A server that is killed breaks the connection; the query's promise tells.
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

async function postmasterPid(): Promise<number> {
  return Number.parseInt(await readFile(join(dataDir, 'postgres/data/postmaster.pid'), 'utf8'), 10);
}

async function childrenOf(pid: number): Promise<number[]> {
  return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').map(Number);
}
