import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AgentServer } from '../../src/agents/agent-server.ts';
import { createGitRepository } from '../support/git-repository.ts';
import {
  callInProcess,
  context,
  notesIn,
  openLocalSandboxes,
  request,
  serversIn,
} from './local-sandboxes.ts';

// Each kills a process that gets a sandbox ready at another moment, twice, and then gets it ready here.
const moments = [
  ...[0, 50, 100, 160].map((delayMs) => ({ after: 'begun', delayMs })),
  ...[0, 30, 80].map((delayMs) => ({ after: 'created', delayMs })),
  ...[0, 80, 160, 240, 320].map((delayMs) => ({ after: 'agent', delayMs })),
];

test('has one checkout, one agent server, one session and one prompt, whenever it was killed', async () => {
  await using repository = await createGitRepository();
  await using sandboxes = await openLocalSandboxes();
  const { provider } = sandboxes;
  const killed = async (moment: (typeof moments)[number], index: number) => {
    const key = `task-${index}`;
    const args = [sandboxes.dataDir, repository.path, key, 'demo'];
    await callInProcess(args, moment);
    await callInProcess(args, { after: 'begun', delayMs: 150 });

    const sandbox = await provider.createSandbox(request(repository.path, { key, branch: key }), context());
    const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
    const wanted = { key: `session-${key}`, agent: 'demo', prompt: `Prompt of ${key}` };
    const { sessionId } = await provider.createSession(sandbox, endpoint, wanted, context());
    expect(await provider.createSession(sandbox, endpoint, wanted, context())).toEqual({ sessionId });

    const seen = {
      servers: (await serversIn(sandboxes.root(key))).length,
      conversations: (await new AgentServer(endpoint).conversations(context().signal)).length,
      prompts: (await notesIn(sandbox.cwd)).match(/## Task/g)?.length,
      sessions: requestsOf(
        'session/new',
        await readFile(join(sandboxes.root(key), 'agent-server.log'), 'utf8'),
      ),
      folders: (await readdir(join(sandboxes.dataDir, 'sandboxes'))).filter((name) =>
        name.startsWith(`${key}~`),
      ),
    };
    expect({ moment, ...seen }).toEqual({
      ...{ moment, servers: 1, conversations: 1, prompts: 1, sessions: 1, folders: [] },
    });
    await provider.destroySandbox(key, context());
  };
  // A few at a time: they share the mirror, as tasks do.
  for (let index = 0; index < moments.length; index += 3) {
    await Promise.all(
      moments.slice(index, index + 3).map((moment, offset) => killed(moment, index + offset)),
    );
  }
}, 120_000);

function requestsOf(method: string, log: string): number {
  return log
    .split('\n')
    .filter((line) => line.includes(`POST received"`) && line.includes(`method=${method} `)).length;
}
