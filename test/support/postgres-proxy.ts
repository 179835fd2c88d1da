import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * Stands between a process and PostgreSQL, and does to what passes what networks and poolers do. It knows the framing of
 * the protocol, so it takes whole messages out: https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export interface PostgresProxy extends AsyncDisposable {
  /** The database's URL, through here. */
  readonly url: string;
  /** Whether notifications get lost on their way, as behind a pooler. */
  swallowing: boolean;
  readonly swallowed: number;
  /** The text of every query that passed, each time that it ran. */
  readonly queries: string[];
  /** Whether the database is away: connections end, and none is accepted. */
  away: boolean;
  /** From now on nothing passes on connections that listen, and nobody is told. New ones are good. */
  freezeListeners(): void;
  /** The same for all connections that there are, as when a network has forgotten them. */
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

  let away = false;

  const server = createServer((client) => {
    client.on('error', () => {});
    if (away) return client.destroy();
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

/** Cuts a stream into messages: a type, except in front of a client's first one, and a length that counts itself. */
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

/** Of a simple query, or of the prepared one that is bound; `statements` are those of the connection, by name. */
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
