import { type StartedApp, startApp } from '../schema/started-app.ts';
import { createGitRepository } from './git-repository.ts';
import { connect, type GraphqlWsClient } from './graphql-ws-client.ts';
import {
  type GivenPrompt,
  type ScriptedAgent,
  type ScriptedAgentServer,
  startScriptedAgentServer,
} from './scripted-agent-server.ts';
import { fails, type Rule, returns } from './scripted-provider.ts';
import { TranscriptCopy } from './transcript-copy.ts';
import { waitFor } from './wait-for.ts';

export interface OpenConversation {
  readonly taskId: string;
  readonly sessionId: string;
  readonly agent: ScriptedAgent;
  /** The first prompt, as the agent got it. */
  readonly given: GivenPrompt;
  /** The transcript, live. */
  readonly copy: TranscriptCopy;
}

/** Groundcrew in this process, with agents that the test scripts. */
export interface ConversationApp extends AsyncDisposable {
  readonly app: StartedApp;
  readonly agents: ScriptedAgentServer;
  readonly socket: GraphqlWsClient;
  /** Opens a task with a session, whose agent has its first prompt. */
  open(prompt?: string): Promise<OpenConversation>;
  /** From now on each session that is opened again is another connection, to an agent that remembers nothing. */
  renameOnRestart(): Rule;
  /** From now on no agent can be started. */
  failOnRestart(): Rule;
  /** Waits until the task is RUNNING. */
  running(taskId: string): Promise<void>;
}

export async function startConversationApp(role: 'start' | 'api' = 'start'): Promise<ConversationApp> {
  const app = await startApp(role);
  const agents = await startScriptedAgentServer();
  const repository = await createGitRepository();
  app.provider.on('ensureAgent', returns(agents.endpoint));
  app.provider.on('createSession', agents.opensSessions());
  const socket = await connect(app.url, { token: app.token });
  return {
    app,
    agents,
    socket,
    async open(prompt = 'Fix the tests') {
      const opened = agents.agents.size;
      const taskId = await app.create({ prompt, repoUrl: repository.path });
      const agent = await agents.agent(opened + 1);
      const given = await agent.nextPrompt();
      const { task } = await app.ask<{ task: { sessions: [{ id: string }] } }>(
        `{ task(id: "${taskId}") { sessions { id } } }`,
      );
      const sessionId = task.sessions[0].id;
      return { taskId, sessionId, agent, given, copy: new TranscriptCopy(socket, sessionId) };
    },
    renameOnRestart: () => app.provider.on('createSession', agents.opensSessions('again')),
    failOnRestart: () =>
      app.provider.on('ensureAgent', fails({ code: 'AGENT_FAILED', message: 'no agent', retryable: false })),
    async running(taskId) {
      await waitFor(async () => {
        const { task } = await app.ask<{ task: { status: string } }>(`{ task(id: "${taskId}") { status } }`);
        return task.status === 'RUNNING';
      });
    },
    async [Symbol.asyncDispose]() {
      await socket.close();
      await app[Symbol.asyncDispose]();
      await agents[Symbol.asyncDispose]();
      await repository[Symbol.asyncDispose]();
    },
  };
}
