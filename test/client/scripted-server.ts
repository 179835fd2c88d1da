import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

interface Request {
  readonly query: string;
  readonly variables: Record<string, unknown>;
}

/** The answer to a subscription: messages of graphql-transport-ws without their id, or a close code. */
export type Answer = readonly { type: 'next' | 'error' | 'complete'; payload?: unknown }[] | number;

export interface ScriptedServer extends AsyncDisposable {
  readonly url: string;
  /** The payload of each `connection_init`. */
  readonly connections: unknown[];
  /** The payload of each `subscribe`. */
  readonly subscribed: Request[];
  /** Messages of that type so far. */
  readonly pings: number;
  /** Requests over HTTP so far. */
  readonly requests: number;
}

/** Speaks graphql-transport-ws, and fails in ways that our own server does not, or not at a chosen moment. */
export async function startScriptedServer(script: {
  /** `nth` counts from 0 over all connections. */
  onSubscribe?: (nth: number, request: Request) => Answer;
  /** Returns a close code, undefined to acknowledge the connection, or null to be silent. */
  onConnect?: (nth: number) => number | null | undefined;
  /** By default it does. */
  answersPings?: boolean;
}): Promise<ScriptedServer> {
  const connections: unknown[] = [];
  const subscribed: Request[] = [];
  let requests = 0;
  let pings = 0;

  const http = createServer((_request, response) => {
    requests += 1;
    response
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify({ data: { viewer: { __typename: 'Viewer', name: String(requests) } } }));
  });
  const sockets = new WebSocketServer({ server: http });
  sockets.on('connection', (socket: WebSocket) => {
    const send = (message: unknown) => socket.send(JSON.stringify(message));
    socket.on('message', (data) => {
      const { type, id, payload } = JSON.parse(String(data));
      if (type === 'connection_init') {
        const refusal = script.onConnect?.(connections.length);
        connections.push(payload);
        if (refusal) socket.close(refusal, 'Refused');
        else if (refusal === undefined) send({ type: 'connection_ack' });
      } else if (type === 'ping') {
        pings += 1;
        if (script.answersPings !== false) send({ type: 'pong' });
      } else if (type === 'subscribe') {
        const answer = script.onSubscribe?.(subscribed.length, payload) ?? [];
        subscribed.push(payload);
        if (typeof answer === 'number') socket.close(answer);
        else for (const message of answer) send({ id, ...message });
      }
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');

  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    connections,
    subscribed,
    get pings() {
      return pings;
    },
    get requests() {
      return requests;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate();
      http.close();
      http.closeAllConnections();
      await once(http, 'close');
    },
  };
}
