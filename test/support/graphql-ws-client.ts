import { WebSocket } from 'ws';
import { MessageQueue } from './message-queue.ts';

/** A message of graphql-transport-ws, as it came. */
export interface Received {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

export interface Subscription {
  readonly id: string;
  /** Everything of this operation that arrived: `next`, `error` and `complete`. */
  readonly all: readonly Received[];
  /** The next message of it. Rejects after `timeout` milliseconds, or when the socket is closed. */
  next(timeout?: number): Promise<Received>;
  /** Sends `complete`. */
  complete(): void;
}

export interface Operation {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly operationName?: string;
}

export interface GraphqlWsClient {
  readonly socket: WebSocket;
  /** Messages without an id: `connection_ack`, `ping`, `pong`. */
  readonly others: MessageQueue<Received>;
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Any operation, under an id of its own unless one is given. */
  subscribe(operation: Operation, id?: string): Subscription;
  /** The first message of an operation. */
  run(operation: Operation): Promise<Received>;
  send(message: unknown): void;
  /** With a close frame; resolves when the server has answered it. */
  close(): Promise<void>;
  /** Without a word. */
  terminate(): void;
}

export interface ConnectOptions {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocol?: string;
  /** The payload of `connection_init`, instead of the token's. */
  readonly payload?: Readonly<Record<string, unknown>>;
}

/** A socket that said `connection_init` and was acknowledged. `url` is the server's: `http://…`. */
export async function connect(url: string, options: ConnectOptions = {}): Promise<GraphqlWsClient> {
  const client = await open(url, options);
  const authorization = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
  client.send({ type: 'connection_init', payload: options.payload ?? authorization });
  await client.others.next();
  return client;
}

/** A socket that has said nothing yet. */
export async function open(url: string, options: ConnectOptions = {}): Promise<GraphqlWsClient> {
  const address = `${url.replace(/^http/, 'ws')}/graphql`;
  const socket = new WebSocket(address, options.protocol ?? 'graphql-transport-ws', {
    headers: options.headers,
  });
  const others = new MessageQueue<Received>();
  const byId = new Map<string, MessageQueue<Received>>();
  let lastId = 0;

  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => {
      const why = `socket closed: ${code} ${reason}`;
      others.end(why);
      for (const queue of byId.values()) queue.end(why);
      resolve({ code, reason: String(reason) });
    });
  });
  socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as Received;
    if (message.id === undefined) others.push(message);
    else byId.get(message.id)?.push(message);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  // What fails from here on, fails by closing.
  socket.on('error', () => undefined);

  const send = (message: unknown) =>
    socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  const subscribe = (operation: Operation, id = String(++lastId)): Subscription => {
    const queue = new MessageQueue<Received>();
    byId.set(id, queue);
    send({ id, type: 'subscribe', payload: operation });
    return {
      id,
      all: queue.all,
      next: (timeout) => queue.next(timeout),
      complete: () => send({ id, type: 'complete' }),
    };
  };
  return {
    socket,
    others,
    closed,
    send,
    subscribe,
    run: (operation) => subscribe(operation).next(),
    async close() {
      socket.close(1000);
      await closed;
    },
    terminate: () => socket.terminate(),
  };
}
