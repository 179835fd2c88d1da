import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { GraphQLSchema } from 'graphql';
import type { Logger } from '../log.ts';
import { replyLogin } from './auth/login.ts';
import { createErrorTranslation } from './graphql/errors.ts';
import { createGraphqlPipeline } from './graphql/pipeline.ts';
import { replyReadiness } from './health.ts';
import { replyGraphiql } from './http/graphiql.ts';
import { createGraphqlHttp } from './http/graphql-http.ts';
import { accepts, replyError, replyText } from './reply.ts';
import { defaultTuning, type Tuning } from './tuning.ts';
import { createGraphqlWebSocket } from './websocket/graphql-websocket.ts';

export interface AppOptions<Viewer, Context extends object> {
  readonly schema: GraphQLSchema;
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly logger: Logger;
  /** Whom a credential speaks for; null: nobody. `authorization` is the whole header's value, `Bearer TOKEN`. */
  readonly authenticate: (authorization: string) => Promise<Viewer | null>;
  /**
   * Called once for each HTTP request and each WebSocket operation: nothing in it may outlive a message. A message that
   * several subscribers get is made with the context of one of them.
   */
  readonly createContext: (viewer: Viewer) => Context;
  /** Groups viewers with the same rights: within such a group, results are shared. */
  readonly accessScope: (viewer: Viewer) => string;
  /** Whether an error goes by itself: what is tried again in a moment may work, as when the database was restarted. */
  readonly isTransient: (error: unknown) => boolean;
  /** null when it can serve, else the reason, which may be shown. */
  readonly readiness: () => Promise<string | null>;
}

export interface App {
  /** Resolves once it accepts requests. Rejects when the address is taken. */
  start(): Promise<{ url: string }>;
  /** Says "not ready" at once, sends sockets elsewhere, finishes requests, and lets go of the port. May be repeated. */
  stop(): Promise<void>;
}

/** The edge: HTTP and WebSocket, who may come in, what may be asked, and how errors leave. */
export function createApp<Viewer, Context extends object>(
  options: AppOptions<Viewer, Context>,
  tuning: Tuning = defaultTuning,
): App {
  const { logger, authenticate, readiness } = options;
  const translateError = createErrorTranslation(logger);
  const shared = { ...options, engine: createGraphqlPipeline(options.schema), translateError, tuning };
  const graphqlHttp = createGraphqlHttp({ ...shared, maxBody: tuning.maxMessage });
  const graphqlWebSocket = createGraphqlWebSocket(shared);
  let stopped: Promise<void> | undefined;

  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000 },
    (request, response) => {
      response.setHeader('x-content-type-options', 'nosniff');
      if (stopped) response.setHeader('connection', 'close');
      // Also behind a request that was under way when the stop began, and whose connection is kept alive.
      response.once('close', () => stopped && setImmediate(() => server.closeIdleConnections()));
      route(request, response).catch((error: unknown) => {
        const translated = translateError(error);
        if (response.headersSent) response.destroy();
        else replyError(response, 500, translated);
      });
    },
  );
  server.on('upgrade', (request, socket, head) => {
    if (pathOf(request) === '/graphql') graphqlWebSocket.upgrade(request, socket, head);
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });

  const route = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const reads = request.method === 'GET' || request.method === 'HEAD';
    switch (pathOf(request)) {
      case '/graphql':
        if (reads && accepts(request, 'text/html')) return replyGraphiql(request, response);
        return graphqlHttp(request, response);
      case '/login':
        return replyLogin(request, response, authenticate);
      case '/healthz':
        return replyText(response, 200, 'alive\n');
      case '/readyz':
        if (stopped) return replyText(response, 503, 'Stopping.\n');
        return replyReadiness(response, { readiness, timeout: tuning.readinessTimeout, logger });
      case '/':
        return replyText(response, 302, '', { location: '/graphql' });
      default:
        return replyText(response, 404, 'Not found.\n');
    }
  };

  const stop = async (): Promise<void> => {
    // While sockets are sent away the port stays open, for whoever asks whether the server is ready.
    await graphqlWebSocket.drain();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const timer = setTimeout(() => server.closeAllConnections(), tuning.finishTimeout);
    await closed;
    clearTimeout(timer);
  };

  return {
    async start() {
      const listening = Promise.withResolvers<void>();
      server.once('error', listening.reject);
      server.listen(options.port, options.host, listening.resolve);
      await listening.promise;
      server.off('error', listening.reject);
      const { port } = server.address() as AddressInfo;
      const host = options.host.includes(':') ? `[${options.host}]` : options.host;
      return { url: `http://${host}:${port}` };
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

function pathOf(request: IncomingMessage): string {
  return request.url?.split('?', 1)[0] ?? '/';
}
