import type { MikroORM } from '@mikro-orm/postgresql';
import { type Config, ConfigError } from './config.ts';
import { isConnectionError } from './db/connection-error.ts';
import type { Logger } from './log.ts';
import { createHub } from './realtime/hub.ts';
import type { Listener } from './realtime/listener.ts';
import type { Context, Viewer } from './resolvers/context.ts';
import type { Providers } from './sandbox/registry.ts';
import { buildSchema } from './schema/schema.ts';
import { createApp } from './server/app.ts';
import { createTokenCheck, loadOwnersToken } from './server/token.ts';
import { ownersWorkspace } from './tasks/read.ts';
import { createTasks } from './tasks/service.ts';

export interface ApiOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly orm: MikroORM;
  readonly providers: Providers;
  readonly listener: Listener;
}

/** Puts the API's parts together. Returns its address. */
export async function startApi(options: ApiOptions, parts: AsyncDisposableStack): Promise<string> {
  const { config, logger, orm, providers, listener } = options;
  const isOwner = createTokenCheck(await loadOwnersToken(config.token, config.dataDir));
  const viewer: Viewer = { workspace: await ownersWorkspace(orm.em.fork()) };
  const [first, ...others] = providers.names;
  const tasks = createTasks(orm, {
    providers: [first as string, ...others],
    defaultAgent: config.defaultAgent,
    allowLocalRepos: config.allowLocalRepos,
  });
  const hub = parts.adopt(createHub({ orm, listener, logger }), (each) => each.stop());
  await hub.start();
  const app = parts.adopt(
    createApp<Viewer, Context>({
      schema: buildSchema(),
      host: config.host,
      port: config.port,
      logger,
      authenticate: async (authorization) => (isOwner(authorization) ? viewer : null),
      createContext: (each) => ({ viewer: each, tasks, hub }),
      rightsOf: (each) => each.workspace.id,
      isTransient: isConnectionError,
      readiness: async () => {
        try {
          await orm.em.fork().execute('select 1');
        } catch (error) {
          if (!isConnectionError(error)) throw error;
          return 'The database cannot be reached.';
        }
        return listener.connected ? null : 'The database sends no wake-ups.';
      },
    }),
    (each) => each.stop(),
  );
  try {
    return (await app.start()).url;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const setting = code === 'EADDRINUSE' || code === 'EACCES' ? 'PORT' : 'HOST';
    throw new ConfigError(`${setting}: ${message}`, { cause: error });
  }
}
