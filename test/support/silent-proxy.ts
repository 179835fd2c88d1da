import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A proxy in front of a server that can do what a network does while a laptop sleeps or a firewall forgets. */
export interface SilentProxy extends AsyncDisposable {
  /** The server's address through this proxy. */
  readonly url: string;
  /** While true nothing passes, and no connection is closed. What is sent meanwhile is lost, also afterwards. */
  silent: boolean;
  /** Cuts all open connections. */
  cut(): void;
}

export interface SilentProxyOptions {
  /** Milliseconds without a byte after which a connection is cut, as load balancers do. Left out: never. */
  readonly cutsIdleAfterMs?: number;
}

export async function startSilentProxy(
  serverUrl: string,
  { cutsIdleAfterMs = 0 }: SilentProxyOptions = {},
): Promise<SilentProxy> {
  const target = new URL(serverUrl);
  const links = new Set<{ silenced: boolean }>();
  const sockets = new Set<Socket>();
  let silent = false;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    const link = { silenced: silent };
    links.add(link);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.setTimeout(cutsIdleAfterMs, () => from.destroy());
      from.on('data', (chunk) => {
        if (!link.silenced) to.write(chunk);
      });
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        links.delete(link);
        if (!link.silenced) to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get silent() {
      return silent;
    },
    set silent(isSilent) {
      silent = isSilent;
      if (isSilent) for (const link of links) link.silenced = true;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
