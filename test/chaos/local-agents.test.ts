import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { createGroundcrew, type Transcript } from '../../src/client/client.ts';
import { sandboxKey } from '../../src/tasks/domain/external-keys.ts';
import { isLong, report } from '../support/chaos-form.ts';
import { createTestDatabase } from '../support/database.ts';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { GroundcrewProcesses } from '../support/groundcrew-processes.ts';
import type { StartedProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';
import { seededTest } from './support/seeded-test.ts';
import { again, readTranscript, Watch } from './support/transcripts.ts';

const rounds = isLong ? 8 : 1;
/** Milliseconds between two kills of one agent server: an agent that dies more than five times in a minute is given up. */
const serverRestsMs = 15_000;
/** Not a promise: agents and servers start on a busy machine. */
const settledMs = 150_000;

const streamed = 'This is **one** of many pieces. '.repeat(10);

interface StoredPrompt {
  readonly id: string;
  readonly state: string;
  readonly text: string;
}

seededTest(
  'I16 what a real agent says is stored whole, and it gets each prompt once and in order, when workers and its server are killed',
  async (random) => {
    const parts = new AsyncDisposableStack();
    onTestFinished(() => parts.disposeAsync());
    const database = parts.adopt(await createTestDatabase(), (each) => each.drop());
    const repository = parts.use(await createGitRepository());
    const processes = parts.use(
      await GroundcrewProcesses.create({ DATABASE_URL: database.url, GROUNDCREW_LOCAL_REPOS: 'allow' }),
    );
    const { url } = await processes.startApi();
    const client = createGroundcrew({ url, token: GroundcrewProcesses.token });
    parts.adopt(client, () => client.close());
    const ask = async <T>(query: string, variables?: Readonly<Record<string, unknown>>): Promise<T> =>
      again(async () => {
        const { data, errors } = await fetchGraphql(url, GroundcrewProcesses.token, query, variables);
        if (!data || errors) throw new Error(JSON.stringify(errors));
        return data as T;
      });
    const workers: StartedProcess[] = [await processes.startWorker(), await processes.startWorker()];

    const { createTask: task } = await ask<{
      createTask: { id: string; sessions: [{ id: string; prompts: [{ id: string }] }] };
    }>(
      'mutation ($input: CreateTaskInput!) { createTask(input: $input) { id sessions { id prompts { id } } } }',
      {
        input: { repoUrl: repository.path, prompt: 'Note 0', provider: 'local', agent: 'demo' },
      },
    );
    const [session] = task.sessions;
    const sent = [session.prompts[0].id];
    const send = async () => {
      const text = `${random.pick(['Note', 'stream'])} ${sent.length}`;
      const input = { sessionId: session.id, text, idempotencyKey: text };
      const { sendPrompt } = await ask<{ sendPrompt: { id: string } }>(
        'mutation ($input: SendPromptInput!) { sendPrompt(input: $input) { id } }',
        { input },
      );
      sent.push(sendPrompt.id);
    };
    const promptsOf = async () => {
      const { nodes } = await ask<{ nodes: StoredPrompt[] }>(
        'query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Prompt { state text } } }',
        { ids: sent },
      );
      return nodes;
    };
    const watch = new Watch(client, session.id);
    const isReady = async () => {
      const { node } = await ask<{ node: { status: string } }>(
        'query ($id: ID!) { node(id: $id) { ... on Session { status } } }',
        { id: session.id },
      );
      return node.status === 'READY';
    };
    await waitFor(isReady, settledMs, 'the session is READY');

    const servers = join(processes.dataDir, 'sandboxes', sandboxKey(task.id), 'agent-servers');
    const killServer = async () => {
      const numbers = (await readdir(servers)).flatMap((name) => /^(\d+)\.pid$/.exec(name)?.[1] ?? []);
      const newest = Math.max(...numbers.map(Number));
      const [pid] = (await readFile(join(servers, `${newest}.pid`), 'utf8')).split(' ');
      process.kill(Number(pid), 'SIGKILL');
    };
    for (let round = 0; round < rounds; round += 1) {
      const rests = delay(serverRestsMs);
      for (let count = 0; count < 3; count += 1) await send();
      await delay(random.between(0, 2_000));
      await killServer();
      for (let count = 0; count < 2; count += 1) {
        await delay(random.between(0, 3_000));
        const index = random.between(0, 1);
        workers[index]?.kill('SIGKILL');
        await send();
        await delay(random.between(0, 1_000));
        workers[index] = await processes.startWorker();
      }
      if (round < rounds - 1) await rests;
    }
    const isOver = ({ state }: StoredPrompt) => ['DONE', 'FAILED', 'UNKNOWN'].includes(state);
    await waitFor(async () => (await promptsOf()).every(isOver), settledMs, 'all prompts are settled').catch(
      async (error: Error) => {
        throw new Error(`${error.message}: ${JSON.stringify(await promptsOf())}`);
      },
    );

    expect(await isReady()).toBe(true);
    const { task: found } = await ask<{ task: { sandbox: { cwd: string } } }>(
      'query ($id: ID!) { task(id: $id) { sandbox { cwd } } }',
      { id: task.id },
    );
    const notes = await readFile(join(found.sandbox.cwd, 'GROUNDCREW.md'), 'utf8');
    const given = [...notes.matchAll(/^## Task\n\n(.*)$/gm)].map((match) => match[1] as string);
    const prompts = await promptsOf();
    // Each once, and in the order in which they were sent.
    expect(given).toEqual(prompts.flatMap(({ text }) => (given.includes(text) ? text : [])));
    const stored = await readTranscript(ask, session.id);
    for (const { state, text } of prompts) {
      if (state === 'DONE') expect(wordsOf(stored, text), text).toEqual(expectedWords(text));
    }
    expect(stored.items.filter(({ isComplete }) => !isComplete)).toEqual([]);
    expect(stored.items.map(codeOf)).toContain('AGENT_RESTARTED');
    await watch.until(stored.sequence);
    expect(watch.newest).toEqual(stored);
    report(
      'a real agent: prompts',
      prompts.map(({ text, state }) => `${text} ${state}`),
    );
    await ask('mutation ($id: ID!) { cancelTask(id: $id) { id } }', { id: task.id });
    // Not the sandbox's own folder: it gets another name first, and its processes end before it goes.
    const sandboxes = join(processes.dataDir, 'sandboxes');
    await waitFor(async () => (await readdir(sandboxes)).length === 0, settledMs, 'the sandbox is released');
  },
);

/** What was said in the turn of a prompt. */
function wordsOf({ items }: Transcript, text: string): string[] {
  const start = items.findIndex((item) => item.__typename === 'UserMessage' && item.text === text);
  const length = items.slice(start).findIndex(({ __typename }) => __typename === 'TurnEnd');
  return items
    .slice(start, start + length)
    .flatMap((item) => (item.__typename === 'AgentMessage' ? item.text : []));
}

function expectedWords(text: string): string[] {
  const lines = [
    `I have read the task: ${text}`,
    'I write it down in GROUNDCREW.md.',
    'Done. A real agent would begin here.',
    text.startsWith('stream') ? streamed : '',
  ];
  return [lines.join('\n')];
}

function codeOf(item: Transcript['items'][number]): string {
  return item.__typename === 'Notice' ? item.code : String(item.__typename);
}
