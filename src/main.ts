import { DatabaseError } from 'pg';
import { type Config, ConfigError, loadConfig } from './config.ts';
import { isConnectionError } from './db/connection-error.ts';
import { EmbeddedPostgresError } from './db/embedded/error.ts';
import { startEmbedded } from './db/embedded.ts';
import { migrate } from './db/migrate.ts';
import { type Role, startGroundcrew } from './groundcrew.ts';
import { createLogger, type Logger } from './log.ts';
import { stopOnSignal } from './signals.ts';

const commands = ['start', 'api', 'worker', 'migrate'] as const;

try {
  const command = commands.find((name) => name === process.argv[2]);
  if (!command) throw new ConfigError(`usage: node src/main.ts ${commands.join('|')}`);
  const config = loadConfig(process.env);
  const logger = createLogger(config.logLevel);
  await (command === 'migrate' ? bringUpToDate(config, logger) : serve(command, config, logger));
} catch (error) {
  // One line for what the one who started it can mend; the whole story for what we have to.
  const known =
    error instanceof ConfigError ||
    error instanceof EmbeddedPostgresError ||
    isListenError(error) ||
    isConnectionError(error) ||
    error instanceof DatabaseError;
  process.stderr.write(
    `groundcrew: ${known ? (error as Error).message : ((error as Error)?.stack ?? error)}\n`,
  );
  process.exit(1);
}

async function serve(role: Role, config: Config, logger: Logger): Promise<void> {
  // What a provider of others throws outside of its promises must not end the work on all other tasks. Nothing here can be
  // left half done by it: what is true stands in the database.
  process.on('uncaughtException', (error) => logger.error({ err: error }, 'uncaught'));
  process.on('unhandledRejection', (error) => logger.error({ err: error }, 'unhandled'));

  const stopped = stopOnSignal(logger);
  const groundcrew = await startGroundcrew(role, config, logger);
  if (role !== 'api') process.stdout.write('groundcrew worker ready\n');
  if (groundcrew.url !== undefined) process.stdout.write(`groundcrew ready on ${groundcrew.url}\n`);

  const failure = await Promise.race([stopped, groundcrew.failed.catch((error: unknown) => error as Error)]);
  if (failure) logger.fatal({ err: failure }, 'cannot go on');
  await groundcrew.stop();
  process.exit(failure ? 1 : 0);
}

async function bringUpToDate(config: Config, logger: Logger): Promise<void> {
  const embedded =
    config.databaseUrl === undefined ? await startEmbedded({ dataDir: config.dataDir, logger }) : null;
  try {
    await migrate(config.databaseUrl ?? (embedded?.url as string));
  } finally {
    await embedded?.stop();
  }
  process.exit(0);
}

function isListenError(error: unknown): boolean {
  return (error as { syscall?: unknown } | null)?.syscall === 'listen';
}
