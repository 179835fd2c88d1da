// An ACP agent that answers a prompt with silence, notes it in a file, and ends its turn later.
// scripted-agent.mjs FILE TURN_MS: each request's method goes to FILE; `turn ended` when the prompt is done.
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const note = (line) => appendFileSync(process.argv[2], `${line}\n`);
const answer = (id, result) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method } = JSON.parse(line);
  note(method);
  if (method === 'initialize') answer(id, { protocolVersion: 1, agentCapabilities: {} });
  if (method === 'session/new') answer(id, { sessionId: 'scripted' });
  if (method === 'session/prompt') {
    setTimeout(() => {
      note('turn ended');
      answer(id, { stopReason: 'end_turn' });
    }, Number(process.argv[3]));
  }
}
