import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { retryWhileUnavailable } from '../../src/db/retry.ts';
import { isLong } from '../support/chaos-form.ts';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { type ApiProcess, GroundcrewProcesses, instantProvider } from '../support/groundcrew-processes.ts';
import { createOwnCluster } from '../support/own-cluster.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';
import { range } from '../support/range.ts';
import { type SeededRandom, seeded } from '../support/seeded-random.ts';
import { StoredTasks } from '../support/stored-tasks.ts';
import { type Seen, watchOverFlakyNetwork } from './support/flaky-client.ts';

/** Each fault occurs once at least, and clients are cut off as often as is asked for, however long that takes. */
const chaosMs = isLong ? 240_000 : 5_000;
const tasks = isLong ? 60 : 6;
const clientsPerTask = isLong ? 4 : 2;
/** Sockets that all clients open, at least. */
const leastSockets = 3 * tasks * clientsPerTask;
/** Milliseconds between two revisions of a task that is written directly. */
const pace = 250;

/**
 * A worker provisions half of the tasks; the test writes revisions of the other half until the end. One of the three API
 * servers receives no wake-ups.
 */
it(
  'I6 delivers each revision once and in order to every client, whatever is killed or lost',
  {
    timeout: chaosMs + 300_000,
  },
  seeded(async (random) => {
    const parts = new AsyncDisposableStack();
    onTestFinished(() => parts.disposeAsync());
    const cluster = parts.use(await createOwnCluster());
    const proxy = parts.use(await startPostgresProxy(cluster.url, { swallowing: true }));
    const repository = parts.use(await createGitRepository());
    const processes = parts.use(
      await GroundcrewProcesses.create({
        GROUNDCREW_PROVIDERS: instantProvider,
        GROUNDCREW_LOCAL_REPOS: 'allow',
      }),
    );
    const startApi = (databaseUrl: string) => processes.startApi({ DATABASE_URL: databaseUrl });
    const startWorker = () => processes.startWorker({ DATABASE_URL: cluster.url });
    const stored = parts.use(await StoredTasks.connect(cluster.url));
    const deadline = AbortSignal.timeout(chaosMs + 240_000);

    const databases = [cluster.url, cluster.url, proxy.url];
    const nodes: (ApiProcess | undefined)[] = await Promise.all(databases.map(startApi));
    const urls = () => nodes.flatMap((node) => node?.url ?? []);
    const written = await Promise.all(
      range(1, tasks / 2).map(() => stored.create({ repoUrl: repository.path })),
    );
    await Promise.all(written.map(({ id }) => stored.keepFromWorkers(id)));
    const worker = { current: await startWorker() };

    const ends = new Map<string, number>();
    const over = { yet: false };

    let sockets = 0;
    const watches: { taskId: string; watched: ReturnType<typeof watchOverFlakyNetwork> }[] = [];
    const watch = (taskId: string) => {
      for (const _client of range(1, clientsPerTask)) {
        const isLast = ({ status, revision }: Seen) =>
          ends.has(taskId) ? revision === ends.get(taskId) : status === 'RUNNING' || status === 'ERROR';
        const options = {
          taskId,
          random: random.fork(),
          urls,
          onConnected: () => {
            sockets += 1;
          },
          signal: deadline,
        };
        watches.push({ taskId, watched: watchOverFlakyNetwork({ ...options, isLast }) });
      }
    };

    // The last revision is not known yet.
    for (const { id } of written) ends.set(id, Number.POSITIVE_INFINITY);
    for (const { id } of written) watch(id);
    const writing = written.map(async ({ id }) => {
      while (!over.yet) {
        await retryWhileUnavailable(() => stored.revise(id), deadline);
        await delay((pace * random.between(2, 18)) / 10);
      }
      // Stored here before it is written, so that every client recognizes it as the last.
      const { revision } = await retryWhileUnavailable(() => stored.revise(id), deadline);
      ends.set(id, revision + 1);
      await retryWhileUnavailable(() => stored.revise(id), deadline);
    });
    const creating = range(1, tasks / 2).map(async (turn) => {
      await delay((chaosMs * turn) / (tasks / 2));
      watch(await createOverHttp(urls, repository.path, random, deadline));
    });

    const background = Promise.all([...writing, ...creating]);
    // Awaited after the faults. Until then a rejection must not end the test process.
    background.catch(() => {});

    const restart = async (index: number, signal: 'SIGKILL' | 'SIGTERM') => {
      const node = nodes[index];
      if (!node) return;
      // Clients may connect to it until it has ended.
      node.kill(signal);
      await node.exit;
      nodes[index] = undefined;
      nodes[index] = await startAgain(() => startApi(databases[index] as string), deadline);
    };
    const faults = [
      () => restart(0, 'SIGKILL'),
      () => endBackends(cluster.url, `application_name = 'groundcrew listen'`),
      () => restart(1, 'SIGTERM'),
      () => endBackends(cluster.url, `application_name like 'groundcrew%'`),
      async () => {
        await cluster.kill();
        await cluster.start();
      },
      () => restart(2, 'SIGKILL'),
      async () => {
        worker.current.kill('SIGKILL');
        await worker.current.exit;
        worker.current = await startAgain(startWorker, deadline);
      },
    ];
    const began = performance.now();
    const isEnough = (turn: number) =>
      performance.now() - began >= chaosMs && turn >= faults.length && sockets > leastSockets;
    for (let turn = 0; !isEnough(turn); turn += 1) {
      await faults[turn % faults.length]?.();
      await delay(random.between(0, 500));
    }
    over.yet = true;
    await background;

    const all = await Promise.all(
      watches.map(async ({ taskId, watched }) => ({ taskId, ...(await watched) })),
    );
    expect(all.flatMap(({ wrong }) => wrong)).toEqual([]);
    expect(all).toHaveLength(tasks * clientsPerTask);
    for (const { taskId, log, connections } of all) {
      expect(log.map(({ revision }) => revision)).toEqual(range(1, log.at(-1)?.revision ?? 1));
      const history = await stored.statusHistory(taskId);
      expect(log.map(({ status }) => status.toLowerCase())).toEqual(history.slice(0, log.length));
      if (ends.has(taskId)) {
        expect(log.at(-1)?.revision).toBe(ends.get(taskId));
        // It has watched from the start, and each API server was ended meanwhile.
        expect(connections).toBeGreaterThan(1);
      } else {
        expect(log.at(-1)?.status).toBe('RUNNING');
      }
    }
    expect(sockets).toBeGreaterThan(leastSockets);
    expect(proxy.swallowed).toBeGreaterThan(0);
  }),
);

async function endBackends(url: string, condition: string): Promise<void> {
  const admin = new Client(url);
  await admin.connect();
  await admin
    .query(`select pg_terminate_backend(pid) from pg_stat_activity where ${condition}`)
    .finally(() => admin.end());
}

/** Repeats `start` until it succeeds: what it needs may be away itself. */
async function startAgain<T>(start: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await start();
    } catch (error) {
      if (signal.aborted) throw error;
      await delay(50);
    }
  }
}

async function createOverHttp(
  urls: () => readonly string[],
  repoUrl: string,
  random: SeededRandom,
  signal: AbortSignal,
): Promise<string> {
  const query = 'mutation ($input: CreateTaskInput!) { createTask(input: $input) { id revision } }';
  const input = { repoUrl, prompt: 'Fix it', idempotencyKey: `chaos ${random.next()}` };
  return startAgain(async () => {
    const { data } = await fetchGraphql(random.pick(urls()), GroundcrewProcesses.token, query, { input });
    return (data as { createTask: { id: string } }).createTask.id;
  }, signal);
}
