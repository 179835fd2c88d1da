import packageJson from '../../package.json' with { type: 'json' };
import { onShutdownSignal } from '../app/shutdown-signals.ts';
import { type Role, startGroundcrew } from '../app/start.ts';
import { untilAborted } from '../app/until-aborted.ts';
import { loadConfig } from '../config.ts';
import { createLogger } from '../log.ts';
import { startTracing } from '../tracing/start-tracing.ts';

/** Serves until a signal stops it. Returns the exit code. */
export async function serve(role: Role): Promise<number> {
  const config = loadConfig(process.env);
  const logger = createLogger(config.logLevel);
  // A third-party provider may throw outside of its promises. That must not end the work on all other tasks: log it and
  // keep running, since all state is in the database.
  process.on('uncaughtException', (error) => logger.error({ err: error }, 'uncaught'));
  process.on('unhandledRejection', (error) => logger.error({ err: error }, 'unhandled'));

  const stopTracing = await startTracing({
    env: process.env,
    serviceName: role === 'start' ? 'groundcrew' : `groundcrew-${role}`,
    version: packageJson.version,
    warn: (message) => logger.warn({ from: 'opentelemetry' }, message),
  });
  const shutdown = onShutdownSignal(logger);
  const groundcrew = await startGroundcrew(role, config, logger, shutdown).catch((error: unknown) => {
    if (shutdown.aborted) return undefined;
    throw error;
  });
  if (!groundcrew) return 0;
  if (role !== 'api') process.stdout.write('groundcrew worker ready\n');
  const { url, createSignInLink } = groundcrew;
  if (url !== undefined) process.stdout.write(`groundcrew ready on ${url}\n`);
  if (createSignInLink && role === 'start') process.stdout.write(`sign in: ${createSignInLink()}\n`);

  const failure = await untilAborted(groundcrew.failed, shutdown).catch((error: unknown) =>
    shutdown.aborted ? undefined : error,
  );
  if (failure) logger.fatal({ err: failure }, 'cannot go on');
  await groundcrew.stop();
  await stopTracing();
  return failure ? 1 : 0;
}
