import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBinaries } from '../src/db/embedded/binaries.ts';
import { pgbenchVersion } from './pgbench.ts';

/** What Groundcrew and its peers are built on; package.json names all of them exactly. */
const packages = [
  'graphql',
  'graphql-yoga',
  'graphql-ws',
  'ws',
  'pg',
  'graphile-worker',
  'fastify',
  'mercurius',
  'graphql-16',
  '@dbos-inc/dbos-sdk',
];

/** Of all that a run measures. Without pgbench where it is not installed. */
export async function readVersions(): Promise<Record<string, string>> {
  const path = join(import.meta.dirname, '../package.json');
  const { dependencies, devDependencies } = JSON.parse(readFileSync(path, 'utf8'));
  const known: Record<string, string> = { ...dependencies, ...devDependencies };
  const { postgres } = await findBinaries(undefined);
  const pgbench = pgbenchVersion();
  return {
    node: process.version.slice(1),
    postgresql: execFileSync(postgres, ['--version'], { encoding: 'utf8' }).trim().split(' ').at(-1) ?? '',
    ...(pgbench !== undefined && { pgbench }),
    ...Object.fromEntries(packages.map((name) => [name, known[name] ?? 'missing'])),
  };
}
