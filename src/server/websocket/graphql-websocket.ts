import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { CloseCode, handleProtocols } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { cookieAuthorizationOf } from '../auth/credentials.ts';
import { ClientSocket } from './client-socket.ts';
import { KeepAlive } from './keep-alive.ts';
import { type Connection, createWebSocketOperations, type WebSocketOperationsOptions } from './operations.ts';

/** How many milliseconds lie between two closings at least, and how long the peers have to answer the last. */
const closingTick = 10;
const lastAnswer = 1_000;

export interface GraphqlWebSocket {
  /** Takes over a request to upgrade. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Takes no more sockets and closes those there are, a few at a time, so that they don't all come back at once. */
  drain(): Promise<void>;
}

export function createGraphqlWebSocket<Viewer, Context extends object>(
  options: WebSocketOperationsOptions<Viewer, Context>,
): GraphqlWebSocket {
  const { tuning, logger } = options;
  const operations = createWebSocketOperations(options);
  const keepAlive = new KeepAlive(tuning.keepAlive, tuning.highWater);
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: tuning.maxMessage,
    // Known to ws, not yet to its types.
    ...{ closeTimeout: tuning.closeTimeout },
    handleProtocols: (protocols) => handleProtocols(protocols),
    // An operation that a client completes has ended before the next message is read, which may use its id again.
    allowSynchronousEvents: false,
  });

  const opened = (socket: WebSocket, cookieAuthorization: string | undefined) => {
    const client = new ClientSocket(socket, tuning);
    const connection: Connection<Viewer> = {
      client,
      cookieAuthorization,
      viewer: undefined,
      operations: 0,
    };
    // `ws` closes the socket by itself: 1009 for a message too large, 1007 for one that is not UTF-8.
    socket.on('error', (err) => logger.debug({ err }, 'socket failed'));
    keepAlive.watch(socket);
    const closed = operations.opened(
      {
        protocol: socket.protocol,
        send: async (message) => client.send(message),
        close: (code = 1000, reason = '') => client.close(code, reason),
        onMessage: (hear) =>
          socket.on('message', (data) => {
            if (client.open) hear(String(data)).catch((error: unknown) => failed(client, error));
          }),
      },
      connection,
    );
    socket.once('close', (code, reason) => {
      closed(code, String(reason)).catch((err: unknown) => logger.error({ err }, 'closing failed'));
    });
  };

  const failed = (client: ClientSocket, error: unknown) => {
    // The only thing that graphql-ws throws for what a client says, and not closes by itself.
    if (error instanceof Error && error.message.startsWith('Unexpected message of type')) {
      return client.close(CloseCode.BadRequest, 'Unexpected message');
    }
    logger.error({ err: error }, 'message failed');
    client.close(CloseCode.InternalServerError, 'Internal server error');
  };

  return {
    upgrade(request, socket, head) {
      server.handleUpgrade(request, socket, head, (ws) => opened(ws, cookieAuthorizationOf(request)));
    },
    async drain() {
      // From here on `ws` answers upgrades with 503. It calls back when the last socket is gone.
      const gone = new Promise<void>((resolve) => server.close(() => resolve()));
      const sockets = [...server.clients];
      const ticks = Math.min(sockets.length, Math.floor(tuning.drainWindow / closingTick));
      for (let tick = 0; tick < ticks; tick += 1) {
        const from = Math.floor((tick * sockets.length) / ticks);
        const to = Math.floor(((tick + 1) * sockets.length) / ticks);
        for (const socket of sockets.slice(from, to)) socket.close(1012, 'Service restart');
        await delay(closingTick);
      }
      const timer = setTimeout(() => {
        for (const socket of server.clients) socket.terminate();
      }, lastAnswer);
      await gone;
      clearTimeout(timer);
      keepAlive.stop();
    },
  };
}
