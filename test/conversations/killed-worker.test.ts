import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedApp, startApp } from '../schema/started-app.ts';
import { createGitRepository, type GitRepository } from '../support/git-repository.ts';
import { connect, type GraphqlWsClient } from '../support/graphql-ws-client.ts';
import { GroundcrewProcesses } from '../support/groundcrew-processes.ts';
import { type ScriptedAgentServer, startScriptedAgentServer } from '../support/scripted-agent-server.ts';
import { returns } from '../support/scripted-provider.ts';
import { TranscriptCopy } from '../support/transcript-copy.ts';
import { waitFor } from '../support/wait-for.ts';

let app: StartedApp;
let agents: ScriptedAgentServer;
let repository: GitRepository;
let processes: GroundcrewProcesses;
let socket: GraphqlWsClient;

beforeAll(async () => {
  app = await startApp('api');
  agents = await startScriptedAgentServer();
  repository = await createGitRepository();
  app.provider.on('ensureAgent', returns(agents.endpoint));
  app.provider.on('createSession', agents.opensSessions());
  processes = await GroundcrewProcesses.create({ DATABASE_URL: app.stored.url, ...app.provider.env });
  socket = await connect(app.url, { token: app.token });
});
afterAll(async () => {
  await socket.close();
  await processes[Symbol.asyncDispose]();
  await app[Symbol.asyncDispose]();
  await agents[Symbol.asyncDispose]();
  await repository[Symbol.asyncDispose]();
});

it('I16 another worker goes on where the store ends when the follower is killed, and stores each message once', async () => {
  const first = await processes.startWorker();
  const id = await app.create({ repoUrl: repository.path });
  const agent = await agents.agent();
  const prompt = await agent.nextPrompt();
  const { task } = await app.ask<{ task: { sessions: [{ id: string }] } }>(
    `{ task(id: "${id}") { sessions { id } } }`,
  );
  const copy = new TranscriptCopy(socket, task.sessions[0].id);
  let said = '';
  const say = (text: string) => {
    said += text;
    agent.sayText(text);
  };
  say('0 ');
  await copy.until(({ list }) => list[1]?.text === said);

  let worker = first;
  for (let round = 1; round <= 3; round += 1) {
    const next = await processes.startWorker();
    for (let piece = 0; piece < 50; piece += 1) say(`${round}.${piece} `);
    worker.kill('SIGKILL');
    const killedAt = performance.now();
    for (let piece = 50; piece < 100; piece += 1) say(`${round}.${piece} `);
    await copy.until(({ list }) => list[1]?.text === said);
    // The promise is two seconds; a busy machine may take longer to say so.
    expect(performance.now() - killedAt).toBeLessThan(6_000);
    worker = next;
  }
  agent.respond(prompt.id, { stopReason: 'end_turn' });
  await copy.until(({ list }) => list.at(-1)?.__typename === 'TurnEnd');
  expect(copy.list).toMatchObject([
    { __typename: 'UserMessage' },
    { __typename: 'AgentMessage', text: said },
    { __typename: 'TurnEnd', stopReason: 'END_TURN' },
  ]);
  await waitFor(() => agent.readers === 1);
  expect(agent.prompts).toHaveLength(1);
});

it('I18 no prompt reaches the agent twice or out of order when followers are killed while they send', async () => {
  let worker = await processes.startWorker();
  const opened = agents.agents.size;
  const id = await app.create({ repoUrl: repository.path, prompt: '0' });
  const agent = await agents.agent(opened + 1);
  const first = await agent.nextPrompt();
  const answer = (prompt: { id: string; text: string }) => {
    agent.sayText(`You say: ${prompt.text}`);
    agent.respond(prompt.id, { stopReason: 'end_turn' });
  };
  agent.onPrompt = answer;
  answer(first);
  const { task } = await app.ask<{ task: { sessions: [{ id: string }] } }>(
    `{ task(id: "${id}") { sessions { id } } }`,
  );
  const sessionId = task.sessions[0].id;
  const sent: string[] = [];
  for (let round = 0; round < 4; round += 1) {
    const next = await processes.startWorker();
    for (let prompt = 1; prompt <= 5; prompt += 1) {
      const { sendPrompt } = await app.ask<{ sendPrompt: { id: string } }>(
        `mutation { sendPrompt(input: { sessionId: "${sessionId}", text: "${round}.${prompt}" }) { id } }`,
      );
      sent.push(sendPrompt.id);
    }
    const given = agent.prompts.length;
    await waitFor(() => agent.prompts.length > given || agent.prompts.length > sent.length);
    worker.kill('SIGKILL');
    worker = next;
  }
  const states = await waitFor(async () => {
    const { nodes } = await app.ask<{ nodes: { id: string; state: string }[] }>(
      'query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Prompt { state } } }',
      { ids: sent },
    );
    return nodes.every(({ state }) => state === 'DONE' || state === 'UNKNOWN') && nodes;
  }, 60_000);
  const given = agent.prompts.slice(1).map((prompt) => prompt.id);
  expect(given).toEqual(sent.filter((prompt) => given.includes(prompt)));
  // The agent answers each at once, so that whoever follows next sees what arrived.
  for (const { id: prompt, state } of states) expect(given.includes(prompt), prompt).toBe(state === 'DONE');
});
