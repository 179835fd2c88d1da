import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { retryWhileUnavailable } from '../../src/db/retry.ts';
import { openDatabase } from '../../src/tables/database.ts';
import { seededRandom } from '../realtime/seeded-random.ts';
import { TaskWriter } from '../realtime/task-writer.ts';
import { isLong, seedToRepeat } from '../support/chaos-form.ts';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { type ApiProcess, GroundcrewProcesses, instantProvider } from '../support/groundcrew-processes.ts';
import { createOwnCluster } from '../support/own-cluster.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';
import { range } from '../support/range.ts';
import { type Seen, watchOverFlakyNetwork } from './support/flaky-client.ts';

const seed = Number(seedToRepeat ?? 1);
const chaosMs = isLong ? 240_000 : 20_000;
const tasks = 60;
const clientsPerTask = isLong ? 4 : 2;
/** Milliseconds between two revisions of a task that is written directly. */
const pace = 250;

/**
 * A worker provisions half of the tasks; the test writes revisions of the other half until the end. One of the three API
 * servers receives no wake-ups.
 */
it('I6 delivers each revision once and in order to every client, whatever is killed or lost', {
  timeout: chaosMs + 300_000,
}, async () => {
  const parts = new AsyncDisposableStack();
  onTestFinished(() => parts.disposeAsync());
  const cluster = parts.use(await createOwnCluster());
  const proxy = parts.use(await startPostgresProxy(cluster.url, { swallowing: true }));
  const repository = parts.use(await createGitRepository());
  const db = parts.adopt(await openDatabase(cluster.url, { poolSize: 10 }), (each) => each.close());
  const processes = parts.use(
    await GroundcrewProcesses.create({
      GROUNDCREW_PROVIDERS: instantProvider,
      GROUNDCREW_LOCAL_REPOS: 'allow',
    }),
  );
  const startApi = (databaseUrl: string) => processes.startApi({ DATABASE_URL: databaseUrl });
  const startWorker = () => processes.startWorker({ DATABASE_URL: cluster.url });
  const writer = new TaskWriter(db);
  const random = seededRandom(seed);
  const deadline = AbortSignal.timeout(chaosMs + 240_000);

  const databases = [cluster.url, cluster.url, proxy.url];
  const nodes: (ApiProcess | undefined)[] = await Promise.all(databases.map(startApi));
  const urls = () => nodes.flatMap((node) => node?.url ?? []);
  const written = await Promise.all(
    range(1, tasks / 2).map(() => writer.create({ repoUrl: repository.path })),
  );
  await Promise.all(written.map(({ id }) => writer.hold(id)));
  const worker = { current: await startWorker() };

  const ends = new Map<string, number>();
  const over = { yet: false };

  const watches: { taskId: string; watched: ReturnType<typeof watchOverFlakyNetwork> }[] = [];
  const watch = (taskId: string) => {
    for (const client of range(1, clientsPerTask)) {
      const isLast = ({ status, revision }: Seen) =>
        ends.has(taskId) ? revision === ends.get(taskId) : status === 'RUNNING' || status === 'ERROR';
      const options = {
        taskId,
        random: seededRandom(seed + client + watches.length),
        urls,
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
      await retryWhileUnavailable(() => writer.revise(id), deadline);
      await delay(pace * (0.2 + 1.6 * random()));
    }
    // Stored here before it is written, so that every client recognizes it as the last.
    const { revision } = await retryWhileUnavailable(() => writer.revise(id), deadline);
    ends.set(id, revision + 1);
    await retryWhileUnavailable(() => writer.revise(id), deadline);
  });
  const creating = range(1, tasks / 2).map(async (turn) => {
    await delay((chaosMs * turn) / (tasks / 2));
    watch(await createOverHttp(urls, repository.path, random, deadline));
  });

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
    () => restart(2, 'SIGTERM'),
  ];
  const began = performance.now();
  for (let turn = 0; performance.now() - began < chaosMs || turn < faults.length; turn += 1) {
    await faults[turn % faults.length]?.();
    await delay(500 * random());
  }
  over.yet = true;
  await Promise.all([...writing, ...creating]);

  const all = await Promise.all(watches.map(async ({ taskId, watched }) => ({ taskId, ...(await watched) })));
  expect(all.flatMap(({ wrong }) => wrong)).toEqual([]);
  let sockets = 0;
  for (const { taskId, log, connections } of all) {
    expect(log.map(({ revision }) => revision)).toEqual(range(1, log.at(-1)?.revision ?? 1));
    const history = await writer.history(taskId);
    expect(log.map(({ status }) => status.toLowerCase())).toEqual(history.slice(0, log.length));
    if (ends.has(taskId)) expect(log.at(-1)?.revision).toBe(ends.get(taskId));
    else expect(log.at(-1)?.status).toBe('RUNNING');
    sockets += connections;
  }
  // The faults have met every client.
  expect(all).toHaveLength(tasks * clientsPerTask);
  expect(sockets).toBeGreaterThan(3 * all.length);
  expect(proxy.swallowed).toBeGreaterThan(0);
});

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
  random: () => number,
  signal: AbortSignal,
): Promise<string> {
  const query = 'mutation ($input: CreateTaskInput!) { createTask(input: $input) { id revision } }';
  const input = { repoUrl, prompt: 'Fix it', idempotencyKey: `chaos ${random()}` };
  return startAgain(async () => {
    const url = urls()[Math.floor(random() * urls().length)] ?? '';
    const { data } = await fetchGraphql(url, GroundcrewProcesses.token, query, { input });
    return (data as { createTask: { id: string } }).createTask.id;
  }, signal);
}
