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
import { type CopiedItem, itemFields, TranscriptCopy } from './transcript-copy.ts';
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

export interface ReadPrompt {
  readonly id: string;
  readonly text: string;
  readonly state: string;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface ReadSession {
  readonly status: string;
  readonly activity: string;
  readonly error: { readonly code: string } | null;
  readonly prompts: readonly ReadPrompt[];
  readonly undeliveredPrompts: readonly ReadPrompt[];
  /** The open ones. */
  readonly requests: readonly { readonly id: string }[];
}

export interface ReadTranscript {
  readonly sequence: number;
  readonly items: readonly CopiedItem[];
}

const promptFields = 'id text state error { code message }';

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
  send(sessionId: string, text: string, idempotencyKey?: string): Promise<ReadPrompt>;
  readPrompt(id: string): Promise<ReadPrompt>;
  readSession(id: string): Promise<ReadSession>;
  /** All of it, as the server holds it. */
  readTranscript(sessionId: string): Promise<ReadTranscript>;
}

interface TranscriptPage {
  readonly sequence: number;
  readonly items: {
    readonly nodes: readonly CopiedItem[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
  };
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
    async send(sessionId, text, idempotencyKey) {
      const { sendPrompt } = await app.ask<{ sendPrompt: ReadPrompt }>(
        `mutation ($input: SendPromptInput!) { sendPrompt(input: $input) { ${promptFields} } }`,
        { input: { sessionId, text, idempotencyKey } },
      );
      return sendPrompt;
    },
    async readPrompt(id) {
      const { node } = await app.ask<{ node: ReadPrompt }>(
        `query ($id: ID!) { node(id: $id) { ... on Prompt { ${promptFields} } } }`,
        { id },
      );
      return node;
    },
    async readSession(id) {
      const { node } = await app.ask<{ node: ReadSession }>(
        `query ($id: ID!) { node(id: $id) { ... on Session { status activity error { code } requests { id }
          prompts { ${promptFields} } undeliveredPrompts { ${promptFields} } } } }`,
        { id },
      );
      return node;
    },
    async readTranscript(sessionId) {
      const items: CopiedItem[] = [];
      let after: string | null = null;
      for (;;) {
        const { node }: { node: TranscriptPage } = await app.ask(
          `query ($id: ID!, $after: String) { node(id: $id) { ... on Session { sequence
            items(first: 100, after: $after) { nodes { ${itemFields} } pageInfo { hasNextPage endCursor } } } } }`,
          { id: sessionId, after },
        );
        items.push(...node.items.nodes);
        if (!node.items.pageInfo.hasNextPage) return { sequence: node.sequence, items };
        after = node.items.pageInfo.endCursor;
      }
    },
    async [Symbol.asyncDispose]() {
      await socket.close();
      await app[Symbol.asyncDispose]();
      await agents[Symbol.asyncDispose]();
      await repository[Symbol.asyncDispose]();
    },
  };
}
