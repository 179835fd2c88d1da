import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { handleProtocols, CloseCode as ProtocolCode, type Server as ProtocolServer } from 'graphql-ws';
import { WebSocket, WebSocketServer } from 'ws';
import type { Logger } from '../../log.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Credential } from '../../tasks/domain/viewer.ts';
import { addressOf, credentialOf } from '../auth/credentials.ts';
import type { Tuning } from '../tuning.ts';
import { ClientSocket } from './client-socket.ts';
import { type CloseCode, serviceRestart } from './close-codes.ts';
import { KeepAlive } from './keep-alive.ts';
import { type Connection, createWebSocketOperations, type WebSocketOperationsOptions } from './operations.ts';

/** Milliseconds between two batches of close frames. */
const drainTick = 10;
/** Milliseconds that clients have to answer the last close frame. */
const drainGrace = 1_000;

/** `ws` closes the socket of a message that is too large without a word: clients show the reason. `maxMessage` is in bytes. */
function socketWithLimit(maxMessage: number): typeof WebSocket {
  return class extends WebSocket {
    override close(code?: number, reason?: string | Buffer): void {
      const isTooLarge = code === (1009 satisfies CloseCode) && reason === undefined;
      super.close(code, isTooLarge ? `The message is larger than ${maxMessage} bytes.` : reason);
    }
  };
}

/** Accepts WebSockets and connects them to graphql-ws. */
export class GraphqlWebSocket<Viewer, Context extends object> {
  readonly #tuning: Tuning;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #protocol: ProtocolServer<Connection<Viewer>>;
  readonly #keepAlive: KeepAlive;
  readonly #server: WebSocketServer;

  constructor(options: WebSocketOperationsOptions<Viewer, Context>) {
    const { tuning, logger, metrics } = options;
    this.#metrics = metrics;
    this.#tuning = tuning;
    this.#logger = logger;
    this.#protocol = createWebSocketOperations(options);
    this.#keepAlive = new KeepAlive(tuning.keepAlive, tuning.highWater);
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: tuning.maxMessage,
      WebSocket: socketWithLimit(tuning.maxMessage),
      // `ws` has this option; its types lack it.
      ...{ closeTimeout: tuning.closeTimeout },
      handleProtocols: (protocols) => handleProtocols(protocols),
      // A completed operation must end before the next message is read, because that message may reuse its id.
      allowSynchronousEvents: false,
    });
  }

  /** Handles a request to upgrade. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, socket, head, (accepted) =>
      this.#accept(accepted, addressOf(request), credentialOf(request)),
    );
  }

  /** Refuses new sockets and closes the open ones in batches, so that not all clients reconnect at the same moment. */
  async drain(): Promise<void> {
    const server = this.#server;
    // From here on `ws` answers upgrades with 503. It calls back when the last socket is closed.
    const allClosed = new Promise<void>((resolve) => server.close(() => resolve()));
    const sockets = [...server.clients];
    const ticks = Math.min(sockets.length, Math.floor(this.#tuning.drainWindow / drainTick));
    for (let tick = 0; tick < ticks; tick += 1) {
      const from = Math.floor((tick * sockets.length) / ticks);
      const to = Math.floor(((tick + 1) * sockets.length) / ticks);
      for (const socket of sockets.slice(from, to)) socket.close(serviceRestart, 'Service restart');
      await delay(drainTick);
    }
    const timer = setTimeout(() => {
      for (const socket of server.clients) socket.terminate();
    }, drainGrace);
    await allClosed;
    clearTimeout(timer);
    this.#keepAlive.stop();
  }

  #accept(socket: WebSocket, address: string, upgradeCredential: Credential | undefined): void {
    const client = new ClientSocket(socket, this.#tuning);
    // `ws` closes the socket itself, for example with 1009 for a message that is too large.
    socket.on('error', (err) => this.#logger.debug({ err }, 'socket failed'));
    this.#keepAlive.watch(socket);
    this.#metrics.socketOpened();
    const closed = this.#protocol.opened(
      {
        protocol: socket.protocol,
        send: async (message) => client.send(message),
        // graphql-ws closes with the codes of its protocol, all of which the table contains.
        close: (code, reason = '') => client.close(code as CloseCode, reason),
        onMessage: (receive) =>
          socket.on('message', (data) => {
            if (!client.open) return;
            receive(String(data)).catch((error) => this.#messageFailed(client, error));
          }),
      },
      {
        client,
        address,
        upgradeCredential,
        // Not `randomUUID`, whose fifteen pieces the socket would keep: half a kilobyte.
        logFields: { socketId: randomBytes(16).toString('hex') },
        viewer: undefined,
        forgetEnd: undefined,
        operations: 0,
      },
    );
    // One listener does it all: each costs memory for as long as the socket is open.
    socket.once('close', (code, reason) => {
      client.closed();
      this.#keepAlive.forget(socket);
      this.#metrics.socketClosed();
      closed(code, String(reason)).catch((err) => this.#logger.error({ err }, 'closing failed'));
    });
  }

  #messageFailed(client: ClientSocket, error: unknown): void {
    // The only error of a client for which graphql-ws throws instead of closing the socket.
    if (error instanceof Error && error.message.startsWith('Unexpected message of type')) {
      client.close(ProtocolCode.BadRequest, 'Unexpected message');
    } else {
      this.#logger.error({ err: error }, 'message failed');
      client.close(ProtocolCode.InternalServerError, 'Internal server error');
    }
  }
}
