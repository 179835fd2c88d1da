import { Authority } from '../access/authority.ts';
import { Logins } from '../access/logins.ts';
import { TokenPoints } from '../access/token-points.ts';
import { type Config, ConfigError } from '../config.ts';
import { isConnectionError, ReadOnlyDatabaseError } from '../db/connection-error.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { Hub } from '../realtime/hub.ts';
import { Context, type Services } from '../resolvers/context.ts';
import type { Providers } from '../sandbox/registry.ts';
import { OperationCosts } from '../schema/operation-cost.ts';
import { buildSchema } from '../schema/schema.ts';
import { App } from '../server/app.ts';
import { loadOwnersToken } from '../server/auth/token.ts';
import type { Database } from '../tables/database.ts';
import { TaskCreator, type TaskDefaults } from '../tasks/create-task.ts';
import { isOwner, onlyTaskOf, type Viewer } from '../tasks/domain/viewer.ts';
import { View } from '../tasks/store/view/view.ts';
import type { WakeUpListener } from '../tasks/store/wake-up-listener.ts';
import { ownersViewer } from '../tasks/store/workspaces.ts';
import { healthReport } from './health-report.ts';
import type { DatabaseWait } from './wait-for-database.ts';

export interface ApiOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly db: Database;
  readonly providers: Providers;
  readonly listener: WakeUpListener;
  readonly metrics: Metrics;
  readonly wait: DatabaseWait;
}

export interface StartedApi {
  readonly url: string;
  /** Makes a link that signs a browser in as the owner, once. */
  readonly createSignInLink: () => string;
}

/** Which setting is wrong when the server cannot listen, and what to do, by the code of Node. */
const remedies: Readonly<Record<string, readonly [setting: string, remedy: string]>> = {
  EADDRINUSE: ['PORT', 'Choose another one, or stop the program that has it'],
  EACCES: ['PORT', 'Choose one above 1023, or let this user listen on it'],
};

/** Characters that cost one point in a document that is refused before anything of it runs. */
const charactersOfPoint = 1_000;
/** What lies beyond a token too many is not read. */
const mostPointsOfInvalid = 20;
/** Points of a login: each is a row that stays for weeks. */
const pointsOfLogin = 10;

/** Starts the API. Throws ConfigError when it cannot listen on its address. */
export async function startApi(options: ApiOptions, parts: AsyncDisposableStack): Promise<StartedApi> {
  const { config, logger, db, providers, listener, metrics, wait } = options;
  const ownersToken = await loadOwnersToken(config.token, config.dataDir);
  const owner = await wait.for(() => ownersViewer(db));
  const authority = parts.adopt(new Authority({ db, listener, logger, ownersToken, owner }), (each) =>
    each.stop(),
  );
  authority.start();
  const [first, ...others] = providers.names;
  const taskDefaults: TaskDefaults = {
    providers: [first as string, ...others],
    defaultAgent: config.defaultAgent,
    allowLocalRepos: config.allowLocalRepos,
    maxActiveTasks: config.maxActiveTasks,
  };
  const points = parts.adopt(new TokenPoints({ db, logger, limit: config.rateLimit }), (each) => each.stop());
  points.start();
  const schema = buildSchema();
  const costs = new OperationCosts(schema);
  const hub = parts.adopt(new Hub({ db, listener, logger }), (each) => each.stop());
  await hub.start();
  const services: Services = {
    taskDefaults,
    taskCreator: new TaskCreator(db, taskDefaults, (count) => metrics.batchRun('create', count)),
    webhookPolicy: { allowPrivate: config.allowPrivateWebhooks },
    hub,
    tokenEnded: (id) => authority.ended(id),
  };
  const app = parts.adopt(
    new App<Viewer, Context>({
      schema,
      host: config.host,
      port: config.port,
      corsOrigins: config.corsOrigins,
      allowIntrospection: config.allowIntrospection,
      logger,
      authenticate: (credential, address) => authority.authenticate(credential, address),
      logins: new Logins({
        db,
        authority,
        ownersToken,
        charge: async (viewer) => void (await points.take(viewer, pointsOfLogin)),
      }),
      createContext: async (viewer, operation) => {
        const rateLimit = await points.take(viewer, costs.of(operation));
        return new Context(services, new View(db, viewer), rateLimit);
      },
      chargeInvalid: async (viewer, text) => {
        const cost = Math.ceil(text.length / charactersOfPoint);
        await points.take(viewer, Math.max(1, Math.min(cost, mostPointsOfInvalid)));
      },
      renewContext: (context) => context.renewed(),
      accessScope: (viewer) => JSON.stringify([viewer.workspace.id, onlyTaskOf(viewer), viewer.scopes]),
      isTransient: isConnectionError,
      metrics,
      healthReport: () => healthReport(db, listener),
      isOperator: isOwner,
      lagOf: (value) => hub.lagOf(value),
      readiness: async () => {
        try {
          await db.requireWritable();
        } catch (error) {
          if (error instanceof ReadOnlyDatabaseError) return 'The database is read-only.';
          if (!isConnectionError(error)) throw error;
          return 'The database cannot be reached.';
        }
        return listener.connected ? null : 'The database sends no wake-ups.';
      },
    }),
    (each) => each.stop(),
  );
  try {
    const { url } = await app.start();
    return { url, createSignInLink: () => `${url}/login#${app.signInCodes.create(ownersToken)}` };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const [setting, remedy] = remedies[code ?? ''] ?? ['HOST', 'Set it to an address of this machine'];
    throw new ConfigError(`${setting} cannot be used: ${message}. ${remedy}.`, { cause: error });
  }
}
