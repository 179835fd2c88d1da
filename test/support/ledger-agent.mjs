// An ACP agent that notes in a file what it was given. ledger-agent.mjs FILE [load|resume]: it remembers its sessions.
// A prompt `wait` lasts until it is canceled, `deaf` for ever, `for N` N seconds; any other ends at once. Its text is said first,
// and after `half` characters in halves.
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [, , file, memory] = process.argv;
const note = (line) => appendFileSync(file, `${process.pid} ${line}\n`);
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const say = (text) =>
  send({
    method: 'session/update',
    params: {
      sessionId: 'ledger',
      update: { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } },
    },
  });

const capabilities = {
  loadSession: memory !== undefined,
  ...(memory === 'resume' ? { sessionCapabilities: { resume: {} } } : {}),
};
let waiting;
note('started');
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (method === 'initialize') {
    send({ id, result: { protocolVersion: 1, agentCapabilities: capabilities } });
  } else if (method === 'session/new') {
    note(method);
    send({ id, result: { sessionId: 'ledger' } });
  } else if (method === 'session/load') {
    note(method);
    say('what was said before');
    send({ id, result: null });
  } else if (method === 'session/resume') {
    note(method);
    send({ id, result: {} });
  } else if (method === 'session/prompt') {
    const text = params.prompt.map((block) => block.text).join('');
    note(`prompt ${text}`);
    say(`You say: ${text}`);
    if (text === 'half') for (const half of ['\ud83d', '\ude00 \ud800', ' end']) say(half);
    const seconds = /^for (\d+)$/.exec(text)?.[1];
    if (text === 'wait' || text === 'deaf') waiting = { id, text };
    else if (seconds) {
      setTimeout(() => {
        say(' and at last');
        send({ id, result: { stopReason: 'end_turn' } });
      }, Number(seconds) * 1_000);
    } else send({ id, result: { stopReason: 'end_turn' } });
  } else if (method === 'session/cancel' && waiting?.text === 'wait') {
    send({ id: waiting.id, result: { stopReason: 'cancelled' } });
  }
}
