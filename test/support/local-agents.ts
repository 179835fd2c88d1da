import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { type StartedApp, startApp } from '../schema/started-app.ts';
import { createGitRepository } from './git-repository.ts';
import { connect } from './graphql-ws-client.ts';
import { TranscriptCopy } from './transcript-copy.ts';
import { waitFor } from './wait-for.ts';

export interface LocalConversation {
  readonly taskId: string;
  readonly sessionId: string;
  /** The transcript, live. */
  readonly copy: TranscriptCopy;
}

/** Groundcrew in this process with the provider `local`: real agent servers, and agents that are processes of their own. */
export interface LocalAgents extends AsyncDisposable {
  readonly app: StartedApp;
  /** Opens a task whose first session is READY. */
  open(agent: string, prompt: string): Promise<LocalConversation>;
  send(sessionId: string, text: string): Promise<unknown>;
  cancel(taskId: string): Promise<unknown>;
  /** What the processes of an agent were given, a line each, which begins with the process's id. */
  ledger(agent: string): Promise<string[]>;
}

/** `agents`: what each of these agents remembers, as ledger-agent.mjs understands it. */
export async function startLocalAgents(
  agents: Readonly<Record<string, '' | 'load' | 'resume'>>,
): Promise<LocalAgents> {
  const folder = await mkdtemp(join(tmpdir(), 'groundcrew-agents-'));
  vi.stubEnv('XDG_DATA_HOME', folder);
  const launchers = join(folder, 'sandbox-agent', 'bin', 'agent_processes');
  await mkdir(launchers, { recursive: true });
  const program = fileURLToPath(new URL('./ledger-agent.mjs', import.meta.url));
  for (const [name, memory] of Object.entries(agents)) {
    const script = `#!/bin/sh\nexec '${process.execPath}' '${program}' '${join(folder, name)}' ${memory}\n`;
    await writeFile(join(launchers, `${name}-acp`), script, { mode: 0o755 });
  }
  const app = await startApp('start');
  const repository = await createGitRepository();
  const socket = await connect(app.url, { token: app.token });
  return {
    app,
    async open(agent, prompt) {
      await rm(join(folder, agent), { force: true });
      const taskId = await app.create({ prompt, agent, provider: 'local', repoUrl: repository.path });
      const read = () =>
        app.ask<{ task: { status: string; sessions: [{ id: string }] } }>(
          `{ task(id: "${taskId}") { status sessions { id } } }`,
        );
      await waitFor(async () => (await read()).task.status === 'RUNNING', 60_000);
      const sessionId = (await read()).task.sessions[0].id;
      return { taskId, sessionId, copy: new TranscriptCopy(socket, sessionId) };
    },
    send: (sessionId, text) =>
      app.ask(`mutation { sendPrompt(input: { sessionId: "${sessionId}", text: "${text}" }) { id } }`),
    cancel: (taskId) => app.ask(`mutation { cancelTask(id: "${taskId}") { id } }`),
    async ledger(agent) {
      const lines = await readFile(join(folder, agent), 'utf8').catch(() => '');
      return lines.trim().split('\n');
    },
    async [Symbol.asyncDispose]() {
      await socket.close();
      await app[Symbol.asyncDispose]();
      await repository[Symbol.asyncDispose]();
      vi.unstubAllEnvs();
      await rm(folder, { recursive: true });
    },
  };
}
