// The agent of examples/provider.mjs: a process that keeps the prompts it is given, and no more.

import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const sandbox = process.argv[2];
if (sandbox === undefined || !existsSync(sandbox)) process.exit(1);
const state = join(sandbox, 'agent.json');
const token = randomBytes(16).toString('hex');

/** @type {Map<string, { sessionId: string, prompt: string }>} */
const sessions = new Map();

const server = createServer(async (request, response) => {
  if (request.headers.authorization !== `Bearer ${token}`) return response.writeHead(401).end();
  const key = request.url?.startsWith('/sessions/') && request.url.slice('/sessions/'.length);
  if (request.method === 'PUT' && key) {
    const prompt = await text(request);
    if (!sessions.has(key)) sessions.set(key, { sessionId: randomUUID(), prompt });
  }
  if (request.method === 'DELETE') response.once('finish', () => process.exit(0));
  const body = key ? sessions.get(key) : { sessions: sessions.size };
  response
    .writeHead(body ? 200 : 404, { 'content-type': 'application/json' })
    .end(JSON.stringify(body ?? null));
});

server.listen(0, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const draft = `${state}~${process.pid}`;
  // The process that writes last is the sandbox's agent. The others see that and end; this one ends with the sandbox.
  writeFileSync(draft, JSON.stringify({ baseUrl: `http://127.0.0.1:${port}`, token }), { mode: 0o600 });
  renameSync(draft, state);
  setInterval(() => {
    if (!isMine()) process.exit(0);
  }, 250);
});

function isMine() {
  try {
    return JSON.parse(readFileSync(state, 'utf8')).token === token;
  } catch {
    return false;
  }
}
