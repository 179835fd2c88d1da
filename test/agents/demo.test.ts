import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { client, methods, ndJsonStream, PROTOCOL_VERSION } from '@agentclientprotocol/sdk';
import { describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../src/agents/demo/main.ts', import.meta.url));

/** Starts the agent, prompts it in the folder `cwd`, and returns its messages. */
async function converse(cwd: string): Promise<string[]> {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const messages: string[] = [];
  const app = client({ name: 'test' }).onNotification(methods.client.session.update, ({ params }) => {
    const { update } = params;
    if (update.sessionUpdate === 'agent_message_chunk' && update.content.type === 'text')
      messages.push(update.content.text);
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
    const prompt = [{ type: 'text' as const, text: 'Water the plants\nand the cat' }];
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
