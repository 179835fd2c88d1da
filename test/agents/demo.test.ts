import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { client, methods, ndJsonStream, PROTOCOL_VERSION } from '@agentclientprotocol/sdk';
import { describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../src/agents/demo/main.ts', import.meta.url));

/** Kinds of updates, and titles of requests, of the last conversation. */
let seen: string[] = [];

/** Starts the agent, prompts it in the folder `cwd`, and returns its messages. */
async function converse(cwd: string, text = 'Water the plants\nand the cat'): Promise<string[]> {
  seen = [];
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const messages: string[] = [];
  const app = client({ name: 'test' }).onNotification(methods.client.session.update, ({ params }) => {
    const { update } = params;
    seen.push(update.sessionUpdate);
    if (update.sessionUpdate === 'agent_message_chunk' && update.content.type === 'text')
      messages.push(update.content.text);
  });
  app.onRequest(methods.client.session.requestPermission, ({ params }) => {
    seen.push(`asks: ${params.toolCall.title}`);
    return { outcome: { outcome: 'selected', optionId: 'allow' } };
  });
  const stream = ndJsonStream(
    Writable.toWeb(child.stdin) as WritableStream<Uint8Array>,
    Readable.toWeb(child.stdout) as ReadableStream<Uint8Array>,
  );
  await app.connectWith(stream, async (agent) => {
    await agent.request(methods.agent.initialize, {
      protocolVersion: PROTOCOL_VERSION,
      clientCapabilities: {},
    });
    const { sessionId } = await agent.request(methods.agent.session.new, { cwd, mcpServers: [] });
    const prompt = [{ type: 'text' as const, text }];
    const answer = await agent.request(methods.agent.session.prompt, { sessionId, prompt });
    expect(answer).toMatchObject({ stopReason: 'end_turn' });
    await expect(
      agent.request(methods.agent.session.prompt, { sessionId: 'other', prompt }),
    ).rejects.toThrow();
  });
  child.stdin.end();
  expect(await ended).toBe(0);
  return messages;
}

describe('the demo agent', () => {
  it('answers a prompt in several messages, writes it to a file, and ends with its input', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'groundcrew-demo-'));
    const messages = await converse(cwd);
    expect(messages.length).toBeGreaterThan(1);
    expect(messages.join('')).toContain('Water the plants');
    expect(await readFile(join(cwd, 'GROUNDCREW.md'), 'utf8')).toContain('and the cat');
    await rm(cwd, { recursive: true });
  });

  it('shows a plan, a change, a stream of at least two seconds and a request, when the prompt says so', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'groundcrew-demo-'));
    const startedAt = performance.now();
    const messages = await converse(cwd, 'Ask, stream, plan and show a DIFF');
    expect(performance.now() - startedAt).toBeGreaterThan(2_000);
    expect(messages.length).toBeGreaterThan(20);
    expect(seen).toEqual(
      expect.arrayContaining(['plan', 'tool_call', 'tool_call_update', 'asks: Greet everybody']),
    );
    await rm(cwd, { recursive: true });
  });

  it('does not write to a link that leads out of the checkout', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'groundcrew-demo-'));
    const cwd = join(outside, 'checkout');
    await mkdir(cwd);
    await writeFile(join(outside, 'file'), 'as it was');
    await symlink('../file', join(cwd, 'GROUNDCREW.md'));
    expect((await converse(cwd)).join('')).toContain('is a link');
    expect(await readFile(join(outside, 'file'), 'utf8')).toBe('as it was');
    await rm(outside, { recursive: true });
  });
});
