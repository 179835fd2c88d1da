import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

interface Request {
  readonly query: string;
  readonly variables: Record<string, unknown>;
}

/** What a subscription is answered with: messages of graphql-transport-ws without their id, or a close code. */
export type Answer = readonly { type: 'next' | 'error' | 'complete'; payload?: unknown }[] | number;

export interface ScriptedServer extends AsyncDisposable {
  readonly url: string;
  /** The payload of each `connection_init`. */
  readonly connections: unknown[];
  /** The payload of each `subscribe`. */
  readonly subscribed: Request[];
  /** Requests over HTTP so far. */
  readonly requests: number;
}

/** Speaks graphql-transport-ws, and fails as servers do that we do not have here: older ones, and those of others. */
export async function startScriptedServer(script: {
  /** From 0, for all connections together. */
  onSubscribe?: (nth: number, request: Request) => Answer;
  /** A close code instead of the acknowledgement; null: silence. */
  onConnect?: (nth: number) => number | null | undefined;
}): Promise<ScriptedServer> {
  const connections: unknown[] = [];
  const subscribed: Request[] = [];
  let requests = 0;

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
