import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * A proxy between a process and PostgreSQL that does what bad networks and poolers do. It splits the stream into the
 * protocol's messages: https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export interface PostgresProxy extends AsyncDisposable {
  /** The database's URL through this proxy. */
  readonly url: string;
  /** Whether notifications are dropped, as behind a pooler. */
  swallowing: boolean;
  readonly swallowed: number;
  /** The text of every query that passed, each time that it ran. */
  readonly queries: string[];
  /** Whether the query of that number, counted from 1, is not passed on, and its connection closed. Default: none is. */
  cutsAt: (query: string, number: number) => boolean;
  /** Whether the database is away: connections are closed, and none is accepted. */
  away: boolean;
  /** Connections that were not accepted while it was away. */
  readonly refused: number;
  /** Drops all further data on the connections that listen, without closing them. New connections work. */
  freezeListeners(): void;
  /** The same for all open connections, as when a firewall has dropped their state. */
  freezeAll(): void;
}

interface Link {
  listens: boolean;
  frozen: boolean;
  readonly sockets: readonly [Socket, Socket];
}

export async function startPostgresProxy(
  databaseUrl: string,
  options: { swallowing?: boolean } = {},
): Promise<PostgresProxy> {
  const target = new URL(databaseUrl);
  const links = new Set<Link>();
  let swallowed = 0;
  let refused = 0;
  let away = false;

  const server = createServer((client) => {
    client.on('error', () => {});
    if (away) {
      refused += 1;
      client.destroy();
      return;
    }
    const database = connect(Number(target.port), target.hostname);
    const link: Link = { listens: false, frozen: false, sockets: [client, database] };
    links.add(link);
    const end = () => {
      links.delete(link);
      client.destroy();
      database.destroy();
    };
    for (const socket of link.sockets) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    const asked = new MessageSplitter({ startup: true });
    const statements = new Map<string, string>();
    client.on('data', (chunk) => {
      if (link.frozen) return;
      for (const message of asked.push(chunk)) {
        const text = queryText(message, statements);
        if (text === undefined) continue;
        proxy.queries.push(text);
        if (proxy.cutsAt(text, proxy.queries.length)) return end();
        link.listens ||= text.startsWith('listen ');
      }
      database.write(chunk);
    });
    const answered = new MessageSplitter({ startup: false });
    database.on('data', (chunk) => {
      if (link.frozen) return;
      const messages = answered.push(chunk);
      const passing = proxy.swallowing ? messages.filter((message) => !isNotification(message)) : messages;
      swallowed += messages.length - passing.length;
      if (passing.length > 0) client.write(Buffer.concat(passing));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  const proxy: PostgresProxy = {
    url: url.href,
    swallowing: options.swallowing ?? false,
    get swallowed() {
      return swallowed;
    },
    cutsAt: () => false,
    get refused() {
      return refused;
    },
    get away() {
      return away;
    },
    set away(isAway) {
      away = isAway;
      if (isAway) for (const { sockets } of links) for (const socket of sockets) socket.destroy();
    },
    queries: [],
    freezeListeners() {
      for (const link of links) link.frozen ||= link.listens;
    },
    freezeAll() {
      for (const link of links) link.frozen = true;
    },
    async [Symbol.asyncDispose]() {
      for (const { sockets } of links) for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}

/** Splits a stream into messages: a type, which a client's first message lacks, and a length that counts itself. */
class MessageSplitter {
  #rest: Buffer = Buffer.alloc(0);
  #startup: boolean;

  constructor({ startup }: { startup: boolean }) {
    this.#startup = startup;
  }

  push(chunk: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const typeLength = this.#startup ? 0 : 1;
      if (bytes.length < typeLength + 4) break;
      const length = typeLength + bytes.readInt32BE(typeLength);
      if (bytes.length < length) break;
      messages.push(bytes.subarray(0, length));
      bytes = bytes.subarray(length);
      this.#startup = false;
    }
    this.#rest = bytes;
    return messages;
  }
}

function isNotification(message: Buffer): boolean {
  return message[0] === 'A'.charCodeAt(0);
}

/** The text of a simple query, or of the prepared statement that is bound. `statements`: the connection's, by name. */
function queryText(message: Buffer, statements: Map<string, string>): string | undefined {
  const textAt = (start: number) => message.toString('utf8', start, message.indexOf(0, start));
  const afterTextAt = (start: number) => message.indexOf(0, start) + 1;
  switch (String.fromCharCode(message[0] ?? 0)) {
    case 'Q':
      return textAt(5);
    case 'P':
      statements.set(textAt(5), textAt(afterTextAt(5)));
      return undefined;
    case 'B':
      return statements.get(textAt(afterTextAt(5)));
    default:
      return undefined;
  }
}
