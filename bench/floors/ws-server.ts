// The floor: `ws` and nothing else. A client names a task; of each of its revisions it is sent as many bytes as
// Groundcrew would send, with nothing read and nothing serialized.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { listen } from './listen.ts';

const [, , databaseUrl = '', messageBytes = '900'] = process.argv;
const watchers = new Map<string, Set<{ socket: WebSocket; id: string }>>();
const padding = 'x'.repeat(Number(messageBytes));

const server = createServer();
new WebSocketServer({ server }).on('connection', (socket) => {
  // One for each subscription.
  socket.setMaxListeners(0);
  socket.on('message', (data) => {
    const { id, payload } = JSON.parse(String(data)) as {
      id: string;
      payload: { variables: { id: string } };
    };
    const taskId = payload.variables.id;
    const ofTask = watchers.get(taskId) ?? new Set();
    watchers.set(taskId, ofTask);
    const watcher = { socket, id };
    ofTask.add(watcher);
    socket.on('close', () => ofTask.delete(watcher));
    socket.send(messageOf(id, 1));
  });
});

await listen(databaseUrl, (taskId, revision) => {
  for (const { socket, id } of watchers.get(taskId) ?? []) socket.send(messageOf(id, revision));
});
process.on('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1', 4096, () => {
  console.log(`ready on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

function messageOf(id: string, revision: number): string {
  return `{"id":"${id}","type":"next","payload":{"data":{"taskUpdated":{"revision":${revision},"x":"${padding}"}}}}`;
}
