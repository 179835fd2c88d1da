import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { clientFrame, FrameReader, pongFrame } from './frame-reader.ts';

/** A WebSocket client of which thousands fit into a process. */
export interface LightClient {
  send(text: string): void;
  /** Stops reading, for good. */
  pause(): void;
  close(): void;
}

/** Resolves once the socket is open and, for graphql-transport-ws, acknowledged; `onMessage` hears all after that. */
export function openLightClient(
  url: string,
  options: { token?: string | undefined; graphql: boolean },
  onMessage: (payload: Buffer) => void,
): Promise<LightClient> {
  const { hostname, port, pathname } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: hostname, port: Number(port), noDelay: true });
    const client = {
      send: (text: string) => void socket.write(clientFrame(text)),
      pause() {
        expectsNoMore = true;
        socket.pause();
      },
      close() {
        expectsNoMore = true;
        socket.destroy();
      },
    };
    let expectsNoMore = false;
    let acknowledged = !options.graphql;
    const frames = new FrameReader(
      (payload) => {
        if (acknowledged) return onMessage(payload);
        acknowledged = true;
        resolve(client);
      },
      () => socket.write(pongFrame),
    );
    socket.on('error', reject);
    socket.on('close', () => {
      const error = new Error(`${url} closed a socket`);
      reject(error);
      // A figure with fewer clients than it says would be none.
      if (acknowledged && !expectsNoMore) throw error;
    });
    socket.on('connect', () => {
      socket.write(
        `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n` +
          `${options.graphql ? 'Sec-WebSocket-Protocol: graphql-transport-ws\r\n' : ''}\r\n`,
      );
    });
    let head: Buffer = Buffer.alloc(0);
    let upgraded = false;
    socket.on('data', (chunk) => {
      if (upgraded) return frames.push(chunk);
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      if (!head.toString('latin1').startsWith('HTTP/1.1 101')) {
        socket.destroy();
        return reject(new Error(`no upgrade: ${head.toString('latin1', 0, 80)}`));
      }
      upgraded = true;
      frames.push(head.subarray(end + 4));
      if (!options.graphql) return resolve(client);
      const payload = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
      client.send(JSON.stringify({ type: 'connection_init', payload }));
    });
  });
}
