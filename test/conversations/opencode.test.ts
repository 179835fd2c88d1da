import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type StartedApp, startApp } from '../schema/started-app.ts';
import { createGitRepository, type GitRepository } from '../support/git-repository.ts';
import { connect, type GraphqlWsClient } from '../support/graphql-ws-client.ts';
import { TranscriptCopy } from '../support/transcript-copy.ts';
import { waitFor } from '../support/wait-for.ts';
import { ScriptedModel } from './scripted-model.ts';

// A real agent, with a model that the test scripts: it needs no account and no network.

const isInstalled = (process.env.PATH ?? '')
  .split(delimiter)
  .some((folder) => existsSync(join(folder, 'opencode')));
if (!isInstalled) {
  process.stderr.write(
    'No opencode in PATH (CONTRIBUTING.md says how to install it): its tests are skipped.\n',
  );
}

/** Not a promise: the agent takes seconds of processor time to start. */
const patienceMs = 240_000;

describe.runIf(isInstalled)('the agent opencode', { timeout: 2 * patienceMs }, () => {
  let model: ScriptedModel;
  let app: StartedApp;
  let repository: GitRepository;
  let socket: GraphqlWsClient;

  beforeAll(async () => {
    model = await ScriptedModel.start({
      'Say hello': { say: ['Hel', 'lo'] },
      'Count the files': {
        call: 'bash',
        args: { command: 'echo 42 files', description: 'Counts the files' },
        thenSay: ['There are 42.'],
      },
      'Are you still there': { say: ['Yes.'] },
      'Break down': { failWith: 400 },
    });
    const provider = {
      npm: '@ai-sdk/openai-compatible',
      options: { baseURL: model.url, apiKey: 'none' },
      models: { scripted: {} },
    };
    const config = {
      provider: { scripted: provider },
      model: 'scripted/scripted',
      small_model: 'scripted/scripted',
      permission: { bash: 'ask' },
      autoupdate: false,
      share: 'disabled',
    };
    vi.stubEnv('OPENCODE_CONFIG_CONTENT', JSON.stringify(config));
    vi.stubEnv('OPENCODE_DISABLE_MODELS_FETCH', '1');
    app = await startApp('start');
    repository = await createGitRepository();
    socket = await connect(app.url, { token: app.token });
  });
  afterAll(async () => {
    await socket?.close();
    await app?.[Symbol.asyncDispose]();
    await repository?.[Symbol.asyncDispose]();
    await model?.[Symbol.asyncDispose]();
    vi.unstubAllEnvs();
  });

  it('opens, gets each prompt once, asks for leave, ends its turns, and goes on with what it remembers', async () => {
    const prompt = 'Say hello';
    const taskId = await app.create({
      prompt,
      agent: 'opencode',
      provider: 'local',
      repoUrl: repository.path,
    });
    const { task } = await app.ask<{ task: { sessions: [{ id: string }] } }>(
      `{ task(id: "${taskId}") { sessions { id } } }`,
    );
    const sessionId = task.sessions[0].id;
    const copy = new TranscriptCopy(socket, sessionId);
    const turns = (count: number) =>
      copy.until(
        ({ list }) => list.filter(({ __typename }) => __typename === 'TurnEnd').length === count,
        patienceMs,
      );
    const send = (text: string) =>
      app.ask(`mutation { sendPrompt(input: { sessionId: "${sessionId}", text: "${text}" }) { id } }`);

    await turns(1);
    expect(copy.list).toMatchObject([
      { __typename: 'UserMessage', text: 'Say hello' },
      { __typename: 'AgentMessage', text: 'Hello', isComplete: true },
      { __typename: 'TurnEnd', stopReason: 'END_TURN' },
    ]);

    await send('Count the files');
    const requestId = await waitFor(async () => {
      const { node } = await app.ask<{ node: { requests: { id: string }[] } }>(
        `{ node(id: "${sessionId}") { ... on Session { requests { id } } } }`,
      );
      return node.requests[0]?.id;
    }, patienceMs);
    const { node } = await app.ask<{ node: { options: { id: string; kind: string }[] } }>(
      `{ node(id: "${requestId}") { ... on AgentRequest { options { id kind } } } }`,
    );
    const option = node.options.find(({ kind }) => kind === 'ALLOW_ONCE');
    await app.ask(
      `mutation { answerAgentRequest(input: { requestId: "${requestId}", optionId: "${option?.id}" }) { state } }`,
    );
    await turns(2);
    expect(copy.list.slice(3)).toMatchObject([
      { __typename: 'UserMessage', text: 'Count the files' },
      { __typename: 'ToolCall', status: 'COMPLETED', output: expect.stringContaining('42 files') },
      { __typename: 'AgentMessage', text: 'There are 42.' },
      { __typename: 'TurnEnd', stopReason: 'END_TURN' },
    ]);

    await send('Break down');
    await turns(3);
    expect(copy.list.at(-1)).toMatchObject({
      stopReason: 'FAILED',
      error: { code: 'PROMPT_FAILED', message: expect.stringContaining('The model is out of order.') },
    });

    const killed = await pidsOf('acp');
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    await waitFor(async () => (await pidsOf('acp')).some((pid) => !killed.includes(pid)), patienceMs);
    await send('Are you still there');
    await turns(4);
    expect(copy.list.at(-2)).toMatchObject({ __typename: 'AgentMessage', text: 'Yes.' });
    expect(copy.list.filter(({ __typename }) => __typename === 'Notice')).toEqual([]);
    // All that it was told before it was killed is still in what it sends to its model, each once.
    expect(model.prompts).toEqual(['Say hello', 'Count the files', 'Break down', 'Are you still there']);
    await app.ask(`mutation { cancelTask(id: "${taskId}") { id } }`);
  });
});

/** The processes of opencode that this test has started. */
async function pidsOf(argument: string): Promise<number[]> {
  const run = process.env.GROUNDCREW_TEST_RUN;
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
  const read = (pid: number, file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
  const isAgent = async (pid: number) => {
    const args = (await read(pid, 'cmdline')).split('\0');
    const isOurs = run !== undefined && (await read(pid, 'environ')).includes(`GROUNDCREW_TEST_RUN=${run}`);
    return args.includes(argument) && args.some((each) => each.endsWith('opencode')) && isOurs;
  };
  const found = await Promise.all(pids.map(async (pid) => ((await isAgent(pid)) ? [pid] : [])));
  return found.flat();
}
