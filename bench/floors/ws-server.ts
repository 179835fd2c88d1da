// The floor: `ws` and nothing else. A client names a task; of each of its revisions it is sent as many bytes as
// Groundcrew would send, with nothing read and nothing serialized.
import { createServer } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { listen } from './listen.ts';
import { serve } from './serve.ts';

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

await listen(databaseUrl, 'groundcrew_task', (payload) => {
  for (const line of payload.split('\n')) {
    const [taskId = '', revision] = line.split(' ');
    for (const { socket, id } of watchers.get(taskId) ?? []) socket.send(messageOf(id, Number(revision)));
  }
});
serve(server);

function messageOf(id: string, revision: number): string {
  return `{"id":"${id}","type":"next","payload":{"data":{"taskUpdated":{"revision":${revision},"x":"${padding}"}}}}`;
}
