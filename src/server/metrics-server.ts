import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from '../metrics/metrics.ts';
import { isLocalRequest, isVerbose, replyMetrics } from './http/metrics.ts';
import { isLoopback, refusalOfSource } from './http/request-source.ts';

export interface MetricsServerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** The owner's. Undefined: only requests of this machine on a loopback host are answered. */
  readonly token: string | undefined;
  readonly metrics: Metrics;
  /** What `/healthz?verbose` answers: text. */
  readonly healthReport: () => Promise<string>;
}

/** Serves `/metrics` and `/healthz` of a process that has no API. */
export class MetricsServer {
  readonly #options: MetricsServerOptions;
  readonly #server: Server;

  constructor(options: MetricsServerOptions) {
    this.#options = options;
    this.#server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, (request, response) => {
      this.#reply(request, response).catch(() => response.destroy());
    });
  }

  /** Whether it can be reached from other machines, so that it needs a token. */
  static needsToken(host: string): boolean {
    return !isLoopback(host);
  }

  /** Resolves once it accepts requests. Rejects when it cannot listen on the address. */
  async start(): Promise<{ port: number }> {
    const listening = Promise.withResolvers<void>();
    this.#server.once('error', listening.reject);
    this.#server.listen(this.#options.port, this.#options.host, listening.resolve);
    await listening.promise;
    this.#server.off('error', listening.reject);
    return { port: (this.#server.address() as AddressInfo).port };
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?', 1)[0];
    const answer = (status: number, text: string) =>
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return void answer(405, 'Only GET is served.\n');
    if (path === '/healthz' && !isVerbose(request)) return void answer(200, 'alive\n');
    if (path !== '/metrics' && path !== '/healthz') return void answer(404, 'Not found.\n');
    const { host, metrics, healthReport } = this.#options;
    const refusal = refusalOfSource(request, { host, corsOrigins: [] });
    if (refusal !== null) return void answer(403, `${refusal}\n`);
    if (!isLocalRequest(request, host) && !this.#hasToken(request)) {
      response.setHeader('www-authenticate', 'Bearer');
      return void answer(401, 'A valid token is required.\n');
    }
    if (path === '/healthz') return void answer(200, await healthReport());
    await replyMetrics(response, metrics);
  }

  #hasToken({ headers }: IncomingMessage): boolean {
    const { token } = this.#options;
    const sent = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    return token !== undefined && sent !== undefined && timingSafeEqual(hash(sent), hash(token));
  }
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
