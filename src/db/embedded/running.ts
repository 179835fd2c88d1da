import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clusterName } from './cluster.ts';

/** The line of `postmaster.pid` that holds the port. */
const portLine = 3;

/** The address of an embedded database in `dataDir`. `port` is where it listens. */
export function embeddedUrl(password: string, port: number): string {
  // Without a sslmode, PGSSLMODE would count, which is for another database.
  return `postgresql://${clusterName}:${password}@127.0.0.1:${port}/${clusterName}?sslmode=disable`;
}

/** The address of the embedded database that another process runs on `dataDir` now. Rejects when its files cannot be read. */
export async function runningEmbeddedUrl(dataDir: string): Promise<string> {
  const folder = join(dataDir, 'postgres');
  const password = (await readFile(join(folder, 'password'), 'utf8')).trim();
  const status = await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8');
  return embeddedUrl(password, Number(status.split('\n')[portLine]));
}
