import { afterAll, beforeAll, expect, it } from 'vitest';
import { isRevisionRead } from '../realtime/watched-database.ts';
import { isLong, testTimeout } from '../support/chaos-form.ts';
import { connect, type GraphqlWsClient } from '../support/graphql-ws-client.ts';
import { type ApiProcess, GroundcrewProcesses, instantProvider } from '../support/groundcrew-processes.ts';
import { memoryOf, memoryOptions } from '../support/memory.ts';
import { OwnTime } from '../support/own-time.ts';
import { type PostgresProxy, startPostgresProxy } from '../support/postgres-proxy.ts';
import { range } from '../support/range.ts';
import { seeded } from '../support/seeded-random.ts';
import { StoredTasks } from '../support/stored-tasks.ts';
import { watchQuery } from './support/flaky-client.ts';

const { token } = GroundcrewProcesses;

/** A real API process, and the tasks of its database, of both tests. */
let api: ApiProcess;
let stored: StoredTasks;
let proxy: PostgresProxy;
const parts = new AsyncDisposableStack();

beforeAll(async () => {
  stored = parts.use(await StoredTasks.create());
  proxy = parts.use(await startPostgresProxy(stored.url));
  const processes = parts.use(await GroundcrewProcesses.create({ GROUNDCREW_PROVIDERS: instantProvider }));
  api = await processes.startApi({ DATABASE_URL: proxy.url }, memoryOptions);
});
afterAll(() => parts.disposeAsync());

function watch(client: GraphqlWsClient, id: string, after: number) {
  return client.subscribe({
    query: `${watchQuery.replace('revision', 'revision prompt')}`,
    variables: { id, after },
  });
}

function revisionIn(message: unknown): number {
  return (message as { payload: { data: { taskUpdated: { revision: number } } } }).payload.data.taskUpdated
    .revision;
}

it('I7 disconnects a client that does not read, delays no other, and continues with it where it was', {
  timeout: testTimeout,
}, async () => {
  // Large messages, so that the kernel's buffers cannot hold them all.
  const { id } = await stored.create({ prompt: 'x'.repeat(90_000) });
  const [reader, paused] = await Promise.all([connect(api.url, { token }), connect(api.url, { token })]);
  const reading = watch(reader, id, 0);
  const stalled = range(1, 30).map(() => watch(paused, id, 0));
  await Promise.all(stalled.map((each) => each.next()));
  paused.socket.pause();

  const last = 31;
  const delays: number[] = [];
  const time = new OwnTime(() => [api.pid]);
  for (const revision of range(1, last)) {
    if (revision > 1) await stored.revise(id);
    const written = time.now();
    expect(revisionIn(await reading.next())).toBe(revision);
    delays.push(time.now() - written);
  }
  expect(Math.max(...delays)).toBeLessThan(1_000);

  // Sent messages still arrive; the code is 1006 when the socket was cut in the middle of one.
  paused.socket.resume();
  expect([1006, 1013]).toContain((await paused.closed).code);
  const seen = stalled.map((each) => each.all.map(revisionIn));
  for (const revisions of seen) expect(revisions).toEqual(range(1, revisions.length));
  expect(Math.min(...seen.map((revisions) => revisions.length))).toBeLessThan(last);

  const again = await connect(api.url, { token });
  for (const revisions of seen) {
    const resumed = watch(again, id, revisions.length);
    for (const revision of range(revisions.length + 1, last))
      expect(revisionIn(await resumed.next())).toBe(revision);
    resumed.complete();
  }
  await Promise.all([reader.close(), again.close()]);
});

it(
  'I7 keeps nothing of clients that have left',
  {
    timeout: testTimeout,
  },
  seeded(async (random) => {
    const tasks = await Promise.all(range(1, 20).map(() => stored.create()));
    const idOf = (turn: number) => tasks[turn % tasks.length]?.id as string;

    const visit = async (turn: number) => {
      const client = await connect(api.url, { token });
      const subscription = watch(client, idOf(turn), 0);
      client.subscribe({ query: 'subscription { tasksUpdated { id revision } }' });
      // Some leave before anything has arrived.
      if (random.chance(0.8)) await subscription.next();
      if (random.chance(0.3)) subscription.complete();
      if (random.chance(0.5)) client.terminate();
      else await client.close();
    };
    const visits = async (count: number) => {
      const turns = range(1, count).values();
      await Promise.all(
        range(1, 20).map(async () => {
          for (const turn of turns) await visit(turn);
        }),
      );
    };
    await visits(500);
    const before = (await memoryOf(api)).heapUsed;
    await visits(isLong ? 10_000 : 1_000);
    expect((await memoryOf(api)).heapUsed).toBeLessThan(before * 1.05);

    // No subscriber is left for which the server would read a revision, except the one that comes now.
    await Promise.all(tasks.map(({ id }) => stored.reviseTimes(id, 2)));
    const witness = await connect(api.url, { token });
    const subscription = watch(witness, idOf(0), 2);
    expect(revisionIn(await subscription.next())).toBe(3);
    const asked = proxy.queries.length;
    await Promise.all(tasks.map(({ id }) => stored.revise(id)));
    expect(revisionIn(await subscription.next())).toBe(4);
    expect(proxy.queries.slice(asked).filter(isRevisionRead)).toHaveLength(1);
    await witness.close();
  }),
);
