import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Config } from '../../config.ts';
import { connectionOptions } from '../../db/connection.ts';
import { describeDatabaseError } from '../../db/describe-database-error.ts';
import { DataDirInUseError, EmbeddedPostgresError } from '../../db/embedded/error.ts';
import { startEmbedded } from '../../db/embedded/start.ts';
import { createLogger } from '../../log.ts';
import {
  checkClock,
  checkConnections,
  checkDurability,
  checkEncryption,
  checkListen,
  checkMigrations,
  checkPooler,
  checkRights,
  checkSuitable,
} from './database-checks.ts';
import { type CheckGroup, type Finding, ok, problem } from './finding.ts';

const timeoutMs = 10_000;

export const database: CheckGroup = {
  title: 'Database',
  check: ({ config }) =>
    config.databaseUrl === undefined ? checkEmbedded(config) : checkAt(config.databaseUrl, 'DATABASE_URL'),
};

/** Starts the embedded database if it was made before; making it is left to the first start. */
async function* checkEmbedded(config: Config): AsyncGenerator<Finding> {
  const { dataDir } = config;
  const folder = join(dataDir, 'postgres');
  if (!(await stat(join(folder, 'data')).catch(() => undefined))) {
    yield ok(`DATABASE_URL is not set: an embedded PostgreSQL will be made in ${folder}.`);
    return;
  }
  try {
    const embedded = await startEmbedded({ dataDir, logger: createLogger('silent') });
    try {
      yield ok(`The embedded PostgreSQL in ${folder} starts.`);
      yield* checkAt(embedded.url, 'GROUNDCREW_DATA_DIR');
    } finally {
      await embedded.stop();
    }
  } catch (error) {
    if (error instanceof DataDirInUseError) {
      yield ok(
        `The embedded PostgreSQL in ${folder} is in use by a Groundcrew that runs (pid ${error.pid}).`,
      );
    } else if (error instanceof EmbeddedPostgresError) {
      yield problem(
        `The embedded PostgreSQL in ${folder} does not start: ${error.message}.`,
        'Set GROUNDCREW_DATA_DIR to another folder, or DATABASE_URL.',
      );
    } else {
      throw error;
    }
  }
}

async function* checkAt(url: string, setting: string): AsyncGenerator<Finding> {
  const clients: Client[] = [];
  const connect = async () => {
    const client = new Client({
      ...connectionOptions(url, 'doctor'),
      query_timeout: timeoutMs,
    });
    clients.push(client);
    // A loss rejects the query that runs; without a listener it would end the process.
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  try {
    const started = performance.now();
    const first = await connect();
    yield ok(`The database can be reached, in ${Math.round(performance.now() - started)} ms.`);
    yield* checkConnected(first, connect, setting);
  } catch (error) {
    yield unusable(error, setting);
  } finally {
    // All at once: a server that is gone answers none of them.
    await Promise.allSettled(clients.map((client) => client.end()));
  }
}

async function* checkConnected(
  first: Client,
  connect: () => Promise<Client>,
  setting: string,
): AsyncGenerator<Finding> {
  const checks = [
    checkSuitable,
    checkEncryption,
    checkRights,
    checkMigrations,
    checkDurability,
    checkClock,
    checkConnections,
  ];
  for (const check of checks) {
    // What one check may not read must not hide what the others find.
    yield await check(first).catch((error: unknown) => unusable(error, setting));
  }
  const second = await connect();
  yield await checkPooler(first, second);
  yield await checkListen(first, second);
}

/** Rethrows what is not an error of the database. */
function unusable(error: unknown, setting: string): Finding {
  const description = describeDatabaseError(error);
  if (description === null) throw error;
  return problem(`The database cannot be used: ${description}`, `Check ${setting}.`);
}
