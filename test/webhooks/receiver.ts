import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { waitFor } from '../support/wait-for.ts';

/** A delivery as it arrived. */
export interface Received {
  readonly headers: IncomingHttpHeaders & { readonly 'webhook-id': string };
  readonly body: string;
  /** The parsed body. */
  readonly message: {
    readonly type: string;
    readonly timestamp: string;
    // biome-ignore lint/suspicious/noExplicitAny: each test knows what it has asked for
    readonly data: any;
  };
}

export type Answer = (response: ServerResponse, received: Received) => void;

export const accept: Answer = (response) => response.writeHead(204).end();
export const refuse: Answer = (response) => response.writeHead(500).end('no');
/** Never answers. */
export const hang: Answer = () => {};

/** A real HTTP server on loopback that keeps what it receives. */
export class Receiver implements AsyncDisposable {
  readonly received: Received[] = [];
  /** How it answers from now on. */
  answer: Answer = accept;
  #server: Server | undefined;
  #port = 0;

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    await receiver.start();
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hooks`;
  }

  get port(): number {
    return this.#port;
  }

  /** Listens, on the port that it had before. */
  async start(): Promise<void> {
    const server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request.setEncoding('utf8')) body += chunk;
      const received = { headers: request.headers, body, message: JSON.parse(body) } as Received;
      this.received.push(received);
      this.answer(response, received);
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Refuses connections until it is started again. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  /** Waits until it has received so many. */
  async until(count: number, timeoutMs?: number): Promise<readonly Received[]> {
    await waitFor(() => this.received.length >= count, timeoutMs, `${count} deliveries`);
    return this.received;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
