import type { AddressInfo } from 'node:net';
import { createServer, type Socket, connect as tcpConnect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from './wait-for.ts';

/** Milliseconds between two looks at each server's `/readyz`. */
const interval = 200;

/** Passes connections on, one after another to each server whose `/readyz` has last answered 200, as load balancers do. */
export interface LoadBalancer extends AsyncDisposable {
  readonly url: string;
  add(serverUrl: string): void;
  /** Whether it sends connections to the server. */
  uses(serverUrl: string): boolean;
}

export async function startLoadBalancer(): Promise<LoadBalancer> {
  const ready = new Map<string, boolean>();
  const sockets = new Set<Socket>();
  const stopped = new AbortController();
  let turn = 0;

  const follow = async (url: string) => {
    while (!stopped.signal.aborted) {
      const answer = await fetch(`${url}/readyz`).catch(() => undefined);
      ready.set(url, answer?.status === 200);
      // Its process has ended: the next one has another port.
      if (answer === undefined) return;
      await delay(interval, undefined, { signal: stopped.signal }).catch(() => {});
    }
  };
  const nextReady = () => {
    const urls = [...ready].filter(([, isReady]) => isReady).map(([url]) => url);
    turn += 1;
    return urls[turn % urls.length];
  };
  const server = createServer(async (client) => {
    client.on('error', () => {});
    // Held meanwhile: on a busy machine a server may be late with its answer about its readiness.
    const url = await waitFor(nextReady);
    const { hostname, port } = new URL(url);
    const upstream = tcpConnect(Number(port), hostname);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.once('close', () => {
        sockets.delete(one);
        other.end();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const following: Promise<void>[] = [];
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: (url) => void following.push(follow(url)),
    uses: (url) => ready.get(url) ?? false,
    async [Symbol.asyncDispose]() {
      stopped.abort();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await Promise.all(following);
    },
  };
}
