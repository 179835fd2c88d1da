import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { createGroundcrew } from '../../src/client/client.ts';
import { freePort } from '../../src/free-port.ts';
import { isLong, report } from '../support/chaos-form.ts';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { GroundcrewProcesses } from '../support/groundcrew-processes.ts';
import { createOwnCluster } from '../support/own-cluster.ts';
import type { StartedProcess } from '../support/processes.ts';
import { range } from '../support/range.ts';
import { startScriptedAgentServer } from '../support/scripted-agent-server.ts';
import { returns, startScriptedProvider } from '../support/scripted-provider.ts';
import { seeded } from '../support/seeded-random.ts';
import { startSilentProxy } from '../support/silent-proxy.ts';
import { waitFor } from '../support/wait-for.ts';
import { linesOf, type Manner, manners, Talker } from './support/talker.ts';
import { again, readTranscript, Watch } from './support/transcripts.ts';

/** Each fault occurs once at least, however long that takes. */
const chaosMs = isLong ? 180_000 : 0;
/** Sessions of each manner. */
const each = isLong ? 3 : 1;
/** Not a promise: a machine that does other things besides may take this long. */
const settledMs = isLong ? 300_000 : 90_000;

/** Milliseconds between the prompts of a session that are waited for and the next ones. */
const pauseMs = isLong ? 0 : 300;

/** How many prompts an agent gets. One that dies more often in a minute is given up. */
const most: Partial<Record<Manner, number>> = { huge: 2, die: 4 };

interface SentPrompt {
  readonly id: string;
}

interface StoredPrompt {
  readonly id: string;
  readonly state: string;
}

it(
  'I16 every watcher holds what the store holds and what the agents said, and each prompt arrives once and in order, whatever is killed, stopped or cut',
  { timeout: chaosMs + 2 * settledMs + 60_000 },
  seeded(async (random) => {
    const parts = new AsyncDisposableStack();
    onTestFinished(() => parts.disposeAsync());
    const cluster = parts.use(await createOwnCluster());
    const agents = parts.use(await startScriptedAgentServer());
    const provider = parts.use(await startScriptedProvider());
    const repository = parts.use(await createGitRepository());
    const processes = parts.use(
      await GroundcrewProcesses.create({
        DATABASE_URL: cluster.url,
        GROUNDCREW_LOCAL_REPOS: 'allow',
        ...provider.env,
      }),
    );
    const talkers = new Map<string, Talker>();
    provider.on('ensureAgent', returns(agents.endpoint));
    provider.on(
      'createSession',
      agents.opensSessions('one', (agent, key) => talkers.get(key)?.add(agent)),
    );

    // The servers keep their addresses, as behind a load balancer.
    const ports = [await freePort(), await freePort()];
    const startApi = (index: number) => processes.startApi({ PORT: String(ports[index]) });
    const apis = await Promise.all([startApi(0), startApi(1)]);
    const workers: StartedProcess[] = [];
    const startWorker = async (index: number) => {
      workers[index] = await again(() => processes.startWorker());
    };
    const urls = ports.map((port) => `http://127.0.0.1:${port}`);
    const proxies = await Promise.all(urls.map((url) => startSilentProxy(url)));
    for (const proxy of proxies) parts.use(proxy);
    const clients = proxies.map(({ url }) => createGroundcrew({ url, token: GroundcrewProcesses.token }));
    for (const client of clients) parts.adopt(client, () => client.close());
    const ask = async <T>(query: string, variables?: Readonly<Record<string, unknown>>): Promise<T> =>
      again(async () => {
        const { data, errors } = await fetchGraphql(
          random.pick(urls),
          GroundcrewProcesses.token,
          query,
          variables,
        );
        if (!data || errors) throw new Error(JSON.stringify(errors));
        return data as T;
      });

    const first = new Map<string, SentPrompt>();
    // A session of each manner, before the first worker: each agent has its script when it is started.
    for (const manner of range(1, each).flatMap(() => [...manners])) {
      const { createTask: task } = await ask<{
        createTask: { sessions: [{ id: string; prompts: [SentPrompt] }] };
      }>(
        'mutation ($input: CreateTaskInput!) { createTask(input: $input) { sessions { id prompts { id } } } }',
        { input: { repoUrl: repository.path, prompt: `${manner} 0` } },
      );
      const [{ id, prompts }] = task.sessions;
      talkers.set(id.replaceAll('_', '-'), new Talker(id, manner, random.fork()));
      first.set(id, prompts[0]);
    }
    await Promise.all([startWorker(0), startWorker(1)]);
    const all = [...talkers.values()];
    const watches = all.flatMap(({ sessionId }) => clients.map((client) => new Watch(client, sessionId)));

    /** Of the prompts that are waited for, as they were last read; undefined until then. */
    const states = new Map<string, StoredPrompt | undefined>();
    let isOver = false;
    const prompting = all.map(async (talker) => {
      const sent = [first.get(talker.sessionId) as SentPrompt];
      const isOneByOne = (['silent', 'late', 'die', 'huge'] satisfies Manner[] as Manner[]).includes(
        talker.manner,
      );
      while (!isOver && sent.length < (most[talker.manner] ?? Number.POSITIVE_INFINITY)) {
        for (const _ of range(1, isOneByOne ? 1 : 3)) {
          const text = `${talker.manner} ${sent.length}`;
          const input = { sessionId: talker.sessionId, text, idempotencyKey: `${talker.sessionId} ${text}` };
          const { sendPrompt } = await ask<{ sendPrompt: { id: string } }>(
            'mutation ($input: SendPromptInput!) { sendPrompt(input: $input) { id } }',
            { input },
          );
          sent.push(sendPrompt);
        }
        const last = sent.slice(-4);
        for (const { id } of last) states.set(id, undefined);
        await waitFor(
          () =>
            isSettled(
              talker,
              last.map(({ id }) => states.get(id)),
            ),
          settledMs,
          `prompts of ${talker.manner} are settled`,
        ).catch(async (error) => {
          throw new Error(
            `${(error as Error).message}: ${JSON.stringify(await statesOf(last))}, given ${talker.given.slice(-3)}, said ${talker.said.slice(-5)}`,
          );
        });
        await delay(pauseMs);
      }
      return { talker, sent };
    });
    const statesOf = async (prompts: readonly SentPrompt[]): Promise<StoredPrompt[]> => {
      const { nodes } = await ask<{ nodes: StoredPrompt[] }>(
        'query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Prompt { state } } }',
        { ids: prompts.map(({ id }) => id) },
      );
      return nodes;
    };
    let hasEnded = false;
    // Somebody answers all that agents ask, and looks at the prompts: each waiting for its own would ask most of the time.
    const answering = (async () => {
      while (!hasEnded) {
        const ids = [...states.keys()].filter((id) => !/DONE|FAILED/.test(states.get(id)?.state ?? ''));
        const { agentRequests, nodes } = await ask<{
          agentRequests: { nodes: { id: string; session: { id: string } }[] };
          nodes: StoredPrompt[];
        }>(
          `query ($ids: [ID!]!) {
            agentRequests { nodes { id session { id } } } nodes(ids: $ids) { id ... on Prompt { state } }
          }`,
          { ids },
        );
        for (const prompt of nodes) states.set(prompt.id, prompt);
        for (const { id, session } of agentRequests.nodes) {
          if (talkers.get(session.id.replaceAll('_', '-'))?.manner !== 'ask') continue;
          await fetchGraphql(
            random.pick(urls),
            GroundcrewProcesses.token,
            'mutation ($id: ID!) { answerAgentRequest(input: { requestId: $id, optionId: "yes" }) { id } }',
            { id },
          ).catch(() => {});
        }
        await delay(200);
      }
    })();
    const background = Promise.all(prompting);
    background.catch(() => {});
    answering.catch(() => {});
    await waitFor(() => all.every(({ given }) => given.length > 0), settledMs);

    const restartApi = async (index: number) => {
      apis[index]?.kill('SIGKILL');
      await apis[index]?.exit;
      apis[index] = await again(() => startApi(index));
    };
    const faults: Record<string, () => Promise<unknown>> = {
      'kill a worker': async () => {
        const index = random.between(0, 1);
        workers[index]?.kill('SIGKILL');
        await delay(random.between(0, 1_000));
        await startWorker(index);
      },
      'kill an API server': () => restartApi(random.between(0, 1)),
      'cut the watchers': async () => random.pick(proxies).cut(),
      'cut the streams of the agents': async () => {
        for (const agent of agents.agents.values()) if (random.chance(0.5)) agent.cut();
      },
      'kill PostgreSQL': async () => {
        await cluster.kill();
        await delay(random.between(0, 500));
        await cluster.start();
      },
      'stop PostgreSQL': async () => {
        await cluster.stop();
        await cluster.start();
      },
    };
    // For longer than a worker may hang.
    const stopped = workers[1];
    stopped?.kill('SIGSTOP');
    const stoppedAt = performance.now();
    const continues = delay(12_500).then(() => stopped?.kill('SIGCONT'));
    const began = performance.now();
    let count = 0;
    const names = Object.keys(faults);
    for (; count < names.length || performance.now() - began < chaosMs; count += 1) {
      const name = count < names.length ? (names[count] as string) : random.pick(names);
      await faults[name]?.();
      await delay(random.between(0, isLong ? 2_000 : 500));
    }
    await continues;
    report('conversations: faults', count);
    report('conversations: a worker was stopped for', `${Math.round(performance.now() - stoppedAt)} ms`);
    isOver = true;
    const done = await background;
    await Promise.all(all.map(({ idle }) => idle));
    hasEnded = true;
    await answering;

    for (const { talker, sent } of done) {
      const stateOfAll = await statesOf(sent);
      const known = new Map(stateOfAll.map(({ id, state }) => [id, state]));
      const arrived = talker.given.filter((id) => known.has(id));
      // Each once, and in the order in which they were sent.
      expect(arrived, talker.manner).toEqual(sent.map(({ id }) => id).filter((id) => arrived.includes(id)));
      for (const { id, state } of stateOfAll) {
        if (!arrived.includes(id)) expect(state, `${talker.manner} ${id}`).toBe('UNKNOWN');
        else expect(state, `${talker.manner} ${id}`).toBe(talker.manner === 'die' ? 'FAILED' : 'DONE');
      }
      const stored = await readTranscript(ask, talker.sessionId);
      expect(linesOf(stored), talker.manner).toEqual(talker.said);
      for (const watch of watches.filter(({ sessionId }) => sessionId === talker.sessionId)) {
        await watch.until(stored.sequence);
        expect(watch.newest, talker.manner).toEqual(stored);
      }
    }
    report(
      'conversations: prompts',
      done.map(({ talker, sent }) => `${talker.manner} ${talker.given.length} of ${sent.length}`),
    );
  }),
);

function isSettled(talker: Talker, prompts: readonly (StoredPrompt | undefined)[]): boolean {
  // The words of an agent that has got a prompt show it.
  return prompts.every(
    (prompt) =>
      prompt?.state === 'DONE' ||
      prompt?.state === 'FAILED' ||
      (prompt?.state === 'UNKNOWN' && !talker.given.includes(prompt.id)),
  );
}
