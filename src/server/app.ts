import { randomUUID } from 'node:crypto';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { GraphQLError, GraphQLSchema } from 'graphql';
import { type Logger, withLogFields } from '../log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { RateLimitedError, UnauthenticatedError } from '../tasks/domain/errors.ts';
import { inSpan } from '../tracing/tracing.ts';
import { type Authenticate, addressOf, credentialOf } from './auth/credentials.ts';
import { type Logins, replyLogin, replyLogout } from './auth/login.ts';
import { SignInCodes } from './auth/sign-in-codes.ts';
import { createErrorTranslation, edgeError, httpOf, type TranslateError } from './graphql/errors.ts';
import { type ChargeInvalid, type CreateContext, GraphqlPipeline } from './graphql/pipeline.ts';
import { replyReadiness } from './health.ts';
import { replyGraphiql } from './http/graphiql.ts';
import { createGraphqlHttp, type GraphqlHttp } from './http/graphql-http.ts';
import { isLocalRequest, isVerbose, replyMetrics } from './http/metrics.ts';
import { refusalOfSource } from './http/request-source.ts';
import { replyWebPage } from './http/web-page.ts';
import { ReadinessProbes } from './readiness-probes.ts';
import { accepts, replyError, replyText } from './reply.ts';
import { defaultTuning, type Tuning } from './tuning.ts';
import { GraphqlWebSocket } from './websocket/graphql-websocket.ts';

export interface AppOptions<Viewer, Context extends object> {
  readonly schema: GraphQLSchema;
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** The origins whose pages may use the API with a token, in addition to the server's own. */
  readonly corsOrigins: readonly string[];
  /** Whether clients may ask for the schema. */
  readonly allowIntrospection: boolean;
  readonly logger: Logger;
  readonly authenticate: Authenticate<Viewer>;
  readonly logins: Logins;
  /** Called once for each operation, after validation and before it runs: what it throws is the answer. */
  readonly createContext: CreateContext<Viewer, Context>;
  readonly chargeInvalid: ChargeInvalid<Viewer>;
  /**
   * A context for one message of a subscription, from the one of the subscription. A message that several subscribers receive is
   * executed with a context of one of them.
   */
  readonly renewContext: (context: Context) => Context;
  /** Equal for viewers with the same rights, and only for those: viewers with the same scope share results. */
  readonly accessScope: (viewer: Viewer) => string;
  /** Whether the same work may succeed in a moment, for example while the database restarts. */
  readonly isTransient: (error: unknown) => boolean;
  readonly metrics: Metrics;
  /** What `/healthz?verbose` answers: text. */
  readonly healthReport: () => Promise<string>;
  /** Whether a viewer may read what tells of all workspaces: the metrics and the health report. */
  readonly isOperator: (viewer: Viewer) => boolean;
  /** Milliseconds since the commit of what a message of a subscription tells. Undefined where it is not known. */
  readonly lagOf: (value: unknown) => number | undefined;
  /** Null when the server can serve; otherwise the reason, which is sent to the caller of `/readyz`. */
  readonly readiness: () => Promise<string | null>;
}

/** HTTP and WebSocket on one port. Authenticates, limits what an operation may cost, and translates errors. */
export class App<Viewer, Context extends object> {
  /** For links that sign a browser in. */
  readonly signInCodes = new SignInCodes();
  readonly #options: AppOptions<Viewer, Context>;
  readonly #tuning: Tuning;
  readonly #translateError: TranslateError;
  readonly #server: Server;
  readonly #graphqlHttp: GraphqlHttp;
  readonly #graphqlWebSocket: GraphqlWebSocket<Viewer, Context>;
  readonly #readinessProbes = new ReadinessProbes();
  #stopped: Promise<void> | undefined;
  /** Before, idle connections stay open: their clients may be about to send a request, and are told with its answer. */
  #isClosing = false;

  constructor(options: AppOptions<Viewer, Context>, tuning: Tuning = defaultTuning) {
    this.#options = options;
    this.#tuning = tuning;
    this.#translateError = createErrorTranslation(options);
    const pipeline = new GraphqlPipeline(options.schema, {
      operationTimeout: tuning.operationTimeout,
      allowIntrospection: options.allowIntrospection,
      metrics: options.metrics,
    });
    const shared = { ...options, pipeline, translateError: this.#translateError, tuning };
    this.#graphqlHttp = createGraphqlHttp({ ...shared, maxBody: tuning.maxBody });
    this.#graphqlWebSocket = new GraphqlWebSocket(shared);
    this.#server = createServer(
      {
        headersTimeout: tuning.headersTimeout,
        requestTimeout: tuning.requestTimeout,
        // Node looks every 30 seconds by default.
        connectionsCheckingInterval: tuning.timeoutCheck,
        keepAliveTimeout: 65_000,
      },
      (request, response) => this.#onRequest(request, response),
    );
    this.#server.on('upgrade', (request, socket, head) => {
      if (pathOf(request) !== '/graphql') refuseUpgrade(socket, '404 Not Found');
      else if (refusalOfSource(request, options) !== null) refuseUpgrade(socket, '403 Forbidden');
      else this.#graphqlWebSocket.upgrade(request, socket, head);
    });
  }

  /** Resolves once the server accepts requests. Rejects when it cannot listen on the address. */
  async start(): Promise<{ url: string }> {
    const server = this.#server;
    const { host, port } = this.#options;
    const listening = Promise.withResolvers<void>();
    server.once('error', listening.reject);
    server.listen(port, host, listening.resolve);
    await listening.promise;
    server.off('error', listening.reject);
    const address = server.address() as AddressInfo;
    return { url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}` };
  }

  /**
   * Reports "not ready" at once, and serves until load balancers were told. Then closes all sockets with 1012, finishes running
   * requests, and closes the port. Idempotent.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await delay(this.#readinessProbes.drainDelayMs());
    // The port stays open while sockets are closed, so that load balancers can read "not ready".
    await this.#graphqlWebSocket.drain();
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const timer = setTimeout(() => this.#server.closeAllConnections(), this.#tuning.finishTimeout);
    await closed;
    clearTimeout(timer);
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('x-content-type-options', 'nosniff');
    if (this.#stopped) response.setHeader('connection', 'close');
    // A keep-alive connection whose request was running when the port was closed is idle only now.
    response.once('close', () => {
      if (this.#isClosing) setImmediate(() => this.#server.closeIdleConnections());
      const path = pathOf(request);
      this.#options.metrics.requestAnswered(countedPaths.has(path) ? path : 'other', response.statusCode);
    });
    const requestId = requestIdOf(request);
    response.setHeader('x-request-id', requestId);
    const routed = withLogFields({ requestId }, () => this.#routeInSpan(request, response));
    routed.catch((error: unknown) => {
      const translated = this.#translateError(error);
      if (response.headersSent) response.destroy();
      else replyError(response, translated.extensions.retryable ? 503 : 500, translated);
    });
  }

  /** Probes and metrics come every few seconds, and nobody looks for them. */
  #routeInSpan(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = pathOf(request);
    if (path !== '/graphql' && path !== '/login') return this.#route(request, response);
    const { method = '', headers } = request;
    const parent = headers.traceparent === undefined ? undefined : String(headers.traceparent);
    const attributes = { 'http.request.method': method, 'http.route': path };
    return inSpan({ name: `${method} ${path}`, kind: 'server', attributes, parent }, () =>
      this.#route(request, response),
    );
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { readiness, logger, logins } = this.#options;
    const reads = request.method === 'GET' || request.method === 'HEAD';
    const path = pathOf(request);
    // Health checks may come from anywhere. Everybody may know what they tell; the verbose report asks for a credential.
    const refusal =
      path === '/healthz' || path === '/readyz' ? null : refusalOfSource(request, this.#options);
    if (refusal !== null) {
      logger.debug({ host: request.headers.host, origin: request.headers.origin }, 'request refused');
      return replyError(response, 403, edgeError(refusal, 'FORBIDDEN'));
    }
    switch (path) {
      case '/graphql':
        if (reads && accepts(request, 'text/html')) return replyGraphiql(request, response);
        return this.#graphqlHttp(request, response);
      case '/metrics':
        if (await this.#refuseUnlessOperator(request, response)) return;
        return replyMetrics(response, this.#options.metrics);
      case '/healthz':
        if (!isVerbose(request)) return replyText(response, 200, 'alive\n');
        if (await this.#refuseUnlessOperator(request, response)) return;
        return replyText(response, 200, await this.#options.healthReport());
      case '/readyz':
        this.#readinessProbes.record();
        if (this.#stopped) return replyText(response, 503, 'The server is stopping.\n');
        return replyReadiness(response, { readiness, timeout: this.#tuning.readinessTimeout, logger });
      default:
        if (path === '/login' && request.method === 'POST')
          return replyLogin(request, response, logins, this.signInCodes);
        if (path === '/logout' && request.method === 'POST') return replyLogout(request, response, logins);
        if (reads && (await replyWebPage(request, response, path))) return;
        return replyText(response, 404, 'Not found.\n');
    }
  }

  /**
   * Refuses a request for what tells of all workspaces: it is for the owner, and without a credential for requests of this
   * machine on a loopback HOST. Returns whether the request was refused.
   */
  async #refuseUnlessOperator(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const { host, authenticate, isOperator } = this.#options;
    if (isLocalRequest(request, host)) return false;
    const refuse = (status: number, error: GraphQLError, headers?: OutgoingHttpHeaders) => {
      replyError(response, status, error, headers);
      return true;
    };
    try {
      const credential = credentialOf(request);
      if (!credential) throw new UnauthenticatedError('A valid token is required.');
      const { viewer } = await authenticate(credential, addressOf(request));
      if (isOperator(viewer)) return false;
      return refuse(403, edgeError('Only the owner may read this.', 'FORBIDDEN'));
    } catch (error) {
      if (error instanceof UnauthenticatedError) {
        return refuse(401, edgeError(error.message, error.code), { 'www-authenticate': 'Bearer' });
      }
      if (!(error instanceof RateLimitedError)) throw error;
      const { status, headers } = httpOf(error);
      return refuse(status, edgeError(error.message, error.code), headers);
    }
  }
}

/** Paths that requests are counted by. What else clients ask for is without end. */
const countedPaths: ReadonlySet<string> = new Set([
  '/',
  '/graphql',
  '/metrics',
  '/healthz',
  '/readyz',
  '/login',
  '/logout',
]);

/** The id that a proxy or a client gives to the request, so that their logs and ours can be compared; else a new one. */
function requestIdOf({ headers }: IncomingMessage): string {
  const given = String(headers['x-request-id'] ?? '');
  return /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID();
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** Without a slash at its end, which some clients and proxies add. */
function pathOf(request: IncomingMessage): string {
  const path = request.url?.split('?', 1)[0] ?? '/';
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
