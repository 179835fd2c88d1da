import { access, chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Client } from 'pg';
import { freePort } from '../../src/free-port.ts';
import { startProcess } from './processes.ts';
import { waitFor } from './wait-for.ts';

/** Debian's place is not in the PATH of every user. */
const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
/** PgBouncer refuses to run as root. Any other user may: it owns nothing but the folder here. */
const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

const poolModes = ['session', 'transaction', 'statement'] as const;
export type PoolMode = (typeof poolModes)[number];

export interface PgBouncer extends AsyncDisposable {
  /** The URL of the same database through a pool of this mode. */
  urlOf(mode: PoolMode): string;
}

/** The program's path; undefined where PgBouncer is not installed. */
export async function findPgBouncer(): Promise<string | undefined> {
  for (const path of folders.map((folder) => join(folder, 'pgbouncer'))) {
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

/** PgBouncer in front of the database of `url`. Settings that are not named here have their defaults. */
export async function startPgBouncer(program: string, url: string): Promise<PgBouncer> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const folder = await mkdtemp(join(tmpdir(), 'groundcrew-pgbouncer-'));
  const listenPort = await freePort();
  const database = `host=${hostname} port=${port} dbname=${pathname.slice(1)}`;
  const settings = join(folder, 'pgbouncer.ini');
  await writeFile(
    settings,
    [
      '[databases]',
      ...poolModes.map((mode) => `${mode} = ${database} pool_mode=${mode}`),
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${listenPort}`,
      'unix_socket_dir =',
      'auth_type = trust',
      `auth_file = ${join(folder, 'users.txt')}`,
    ].join('\n'),
  );
  await writeFile(join(folder, 'users.txt'), `"${username}" "${password}"\n`);
  if (user.uid !== undefined) {
    await chmod(folder, 0o700);
    for (const path of [settings, join(folder, 'users.txt'), folder]) await chown(path, user.uid, user.gid);
  }
  const started = startProcess([program, settings], user);
  const urlOf = (mode: PoolMode) => `postgres://${username}@127.0.0.1:${listenPort}/${mode}`;
  await waitFor(async () => {
    const client = new Client(urlOf('session'));
    await client.connect();
    await client.end();
    return true;
  });
  return {
    urlOf,
    async [Symbol.asyncDispose]() {
      await started[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
