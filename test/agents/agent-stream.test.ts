import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { AgentServer } from '../../src/agents/agent-server.ts';
import { AgentStream } from '../../src/agents/agent-stream.ts';
import { waitFor } from '../support/wait-for.ts';

/** The stream of a server that does that with each of its readers. */
async function read(onReader: (reader: ServerResponse) => void): Promise<AgentStream> {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    onReader(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stopped = new AbortController();
  onTestFinished(() => {
    stopped.abort(new Error('The test is over.'));
    server.close();
    server.closeAllConnections();
  });
  return new AgentStream({
    server: new AgentServer({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
    conversation: 'one',
    after: 0,
    signal: stopped.signal,
    onEvent: () => {},
  });
}

const message = (number: number) => `id: ${number}\ndata: {"number":${number}}\n\n`;

it('does not count what was said as delivered while a part of a message is missing', async () => {
  let kept = message(1);
  const stream = await read((reader) => reader.write(kept));
  await waitFor(() => stream.hasEvents);
  kept = message(2).slice(0, 5);
  expect(await stream.look()).toBe(false);
  kept = message(2);
  expect(await stream.look()).toBe(true);
  expect(stream.take()).toMatchObject([{ number: 1 }, { number: 2 }]);
});
