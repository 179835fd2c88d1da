import { onShutdownSignal } from '../app/shutdown-signals.ts';
import { type Role, startGroundcrew } from '../app/start.ts';
import { loadConfig } from '../config.ts';
import { createLogger } from '../log.ts';

/** Serves until a signal stops it. Returns the exit code. */
export async function serve(role: Role): Promise<number> {
  const config = loadConfig(process.env);
  const logger = createLogger(config.logLevel);
  // A third-party provider may throw outside of its promises. That must not end the work on all other tasks: log it and
  // keep running, since all state is in the database.
  process.on('uncaughtException', (error) => logger.error({ err: error }, 'uncaught'));
  process.on('unhandledRejection', (error) => logger.error({ err: error }, 'unhandled'));

  const stopped = onShutdownSignal(logger);
  const groundcrew = await startGroundcrew(role, config, logger);
  if (role !== 'api') process.stdout.write('groundcrew worker ready\n');
  if (groundcrew.url !== undefined) process.stdout.write(`groundcrew ready on ${groundcrew.url}\n`);

  const failure = await Promise.race([stopped, groundcrew.failed.catch((error: unknown) => error as Error)]);
  if (failure) logger.fatal({ err: failure }, 'cannot go on');
  await groundcrew.stop();
  return failure ? 1 : 0;
}
