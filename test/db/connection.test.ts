import { chmod, copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { prepareDatabase } from '../../src/app/prepare-database.ts';
import { startGroundcrew } from '../../src/app/start.ts';
import { loadConfig } from '../../src/config.ts';
import { instantProvider } from '../support/groundcrew-processes.ts';
import { createOwnCluster, type OwnCluster } from '../support/own-cluster.ts';

const certificate = join(import.meta.dirname, 'certificate/server.crt');
const logger = pino({ level: 'silent' });

let cluster: OwnCluster;
let socketDir: string;
let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'groundcrew-connection-'));
  cluster = await createOwnCluster({
    async configure(folder) {
      for (const name of ['server.crt', 'server.key']) {
        await copyFile(join(import.meta.dirname, 'certificate', name), join(folder, name));
        // PostgreSQL refuses a key that others may read, as git checks it out.
        await chmod(join(folder, name), 0o600);
      }
      socketDir = folder;
      return {
        ssl: 'on',
        ssl_cert_file: join(folder, 'server.crt'),
        ssl_key_file: join(folder, 'server.key'),
        unix_socket_directories: folder,
      };
    },
  });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true });
});

/** The URL of the cluster with these parameters instead of its own. */
function urlWith(params: Record<string, string>): string {
  const url = new URL(cluster.url);
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  return url.href;
}

describe('DATABASE_URL', () => {
  it.each(['require', 'verify-full', 'no-verify'])(
    'encrypts every connection with sslmode=%s',
    async (sslmode) => {
      const url = urlWith({ sslmode, ...(sslmode === 'no-verify' ? {} : { sslrootcert: certificate }) });
      expect(await waysWhileServing(url)).toEqual(['TLS']);
    },
  );

  it('encrypts no connection with sslmode=disable, whatever PGSSLMODE says', async () => {
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.stubEnv('PGSSLMODE', 'require');
    const url = urlWith({ sslmode: 'disable' });
    expect(await waysWhileServing(url)).toEqual(['plain']);
  });

  it('leads every connection through a unix socket', async () => {
    const { username, password, port, pathname } = new URL(cluster.url);
    const url = `postgres://${username}:${password}@${pathname}?host=${socketDir}&port=${port}`;
    expect(await waysWhileServing(url)).toEqual(['socket']);
  });

  it.each([
    [
      { sslmode: 'require' },
      /self-signed certificate.*\. Name the file of the certificate authority with sslrootcert=FILE/,
    ],
    [{ sslrootcert: '/nothing/ca.crt' }, /ENOENT.*\/nothing\/ca\.crt'\. Correct the path/],
    [
      { password: 'wrong' },
      /password authentication failed for user "groundcrew"\. Correct user and password/,
    ],
    [{ port: '1' }, /ECONNREFUSED 127\.0\.0\.1:1\. Start PostgreSQL there, or correct host and port/],
    [{ host: '/nothing' }, /ENOENT \/nothing\/\.s\.PGSQL\.\d+\. Correct the path, or start PostgreSQL there/],
  ])('that cannot be used with %j says why and what to do', async (params, message) => {
    await expect(prepare(urlWith(params as Record<string, string>))).rejects.toThrow(message);
  });

  it('of a database that does not exist says so', async () => {
    const url = new URL(cluster.url);
    url.pathname = '/missing';
    await expect(prepare(url.href)).rejects.toThrow(/"missing" does not exist\. Make it with createdb/);
  });

  it('without the password that the server asks for says so', async () => {
    const url = new URL(cluster.url);
    url.password = '';
    await expect(prepare(url.href)).rejects.toThrow(
      /Write a password into the URL: the server asks for one\.$/,
    );
  });
});

function prepare(url: string): Promise<void> {
  return prepareDatabase({ url, setting: 'DATABASE_URL', logger, signal: new AbortController().signal });
}

/** The ways of the connections that a process with both roles has. */
async function waysWhileServing(url: string): Promise<string[]> {
  const config = loadConfig({
    DATABASE_URL: url,
    GROUNDCREW_DATA_DIR: dataDir,
    GROUNDCREW_TOKEN: 'token-of-the-test',
    GROUNDCREW_PROVIDERS: instantProvider,
    PORT: '0',
  });
  const groundcrew = await startGroundcrew('start', config, logger);
  const admin = new Client(urlWith({ sslmode: 'disable' }));
  await admin.connect();
  try {
    const { rows } = await admin.query<{ way: string; names: string[] }>(
      `select case when client_addr is null then 'socket' when ssl then 'TLS' else 'plain' end as way,
         array_agg(distinct application_name order by application_name) as names
       from pg_stat_activity join pg_stat_ssl using (pid)
       where datname = current_database() and pid <> pg_backend_pid() group by 1`,
    );
    expect(rows[0]?.names).toEqual(['groundcrew', 'groundcrew listen', 'groundcrew worker']);
    return rows.map(({ way }) => way);
  } finally {
    await admin.end();
    await groundcrew.stop();
  }
}
