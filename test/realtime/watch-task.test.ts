import { describe, expect, it } from 'vitest';
import { newId } from '../../src/tasks/domain/id.ts';
import type { Task } from '../../src/tasks/domain/task.ts';
import { range } from '../support/range.ts';
import { seeded } from '../support/seeded-random.ts';
import { waitFor } from '../support/wait-for.ts';
import { eventsToRunning, failed, started } from '../tasks/domain/machine-states.ts';
import { isRevisionRead, readUntil, revisionsOf, watchDatabase } from './watched-database.ts';

describe('Hub.watchTask', () => {
  it(
    'delivers each revision once and in order to subscribers that start while the task is written',
    seeded(async (random) => {
      const { hub, stored, viewer } = await watchDatabase();
      const { id } = await stored.create();
      const last = 196;
      // Each subscriber starts when the task has come to another revision.
      const starts = range(1, 40).map((number) => ({
        number,
        revision: 4 * number,
        reached: Promise.withResolvers<void>(),
      }));
      let newest = 1;
      const writing = Promise.all(
        range(1, 4).map(async () => {
          while (newest < last) {
            newest = Math.max(newest, (await stored.revise(id)).revision);
            for (const { revision, reached } of starts) if (revision <= newest) reached.resolve();
          }
        }),
      );

      const subscribers = await Promise.all(
        starts.map(async ({ number, reached }) => {
          await reached.promise;
          const after = number % 4 === 0 ? null : random.between(0, newest);
          return {
            after,
            seen: revisionsOf(await readUntil(await hub.watchTask(viewer, id, after), last)),
          };
        }),
      );
      await writing;
      for (const { after, seen } of subscribers) {
        const first = after === null ? (seen[0] as number) : after + 1;
        expect(seen).toEqual(range(first, last));
      }
    }),
  );

  it('starts with the task as it is now when no revision is given', async () => {
    const { hub, stored, viewer } = await watchDatabase();
    const { id } = await stored.create();
    await stored.reviseTimes(id, 4);
    expect(revisionsOf(await readUntil(await hub.watchTask(viewer, id, null), 5))).toEqual([5]);
  });

  it('starts after the given revision', async () => {
    const { hub, stored, viewer } = await watchDatabase();
    const { id } = await stored.create();
    await stored.reviseTimes(id, 4);
    expect(revisionsOf(await readUntil(await hub.watchTask(viewer, id, 3), 5))).toEqual([4, 5]);
    expect(revisionsOf(await readUntil(await hub.watchTask(viewer, id, 0), 5))).toEqual(range(1, 5));
  });

  it('delivers nothing after the newest revision until the task changes', async () => {
    const { hub, stored, viewer } = await watchDatabase();
    const { id } = await stored.create();
    const subscription = await hub.watchTask(viewer, id, 1);
    const next = subscription.next();
    await stored.revise(id);
    expect(await next).toMatchObject({ value: { revision: 2 } });
    await subscription.return();
  });

  it.each([
    ['later than the newest', 4],
    ['negative', -1],
  ])('rejects a revision that is %s', async (_what, afterRevision) => {
    const { hub, stored, viewer } = await watchDatabase();
    const { id } = await stored.create();
    await stored.reviseTimes(id, 2);
    await expect(hub.watchTask(viewer, id, afterRevision)).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'afterRevision',
    });
  });

  it("I13 answers alike for a malformed id, an unknown one and another workspace's", async () => {
    const { hub, stored, viewer } = await watchDatabase();
    const foreign = await stored.create({}, await stored.createWorkspace());
    const ids = ['', 'task_1', newId('task'), newId('session'), foreign.id];
    const errors = await Promise.all(
      ids.map((id) => hub.watchTask(viewer, id, 0).catch((error: Error) => error)),
    );
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'NOT_FOUND', message: 'The task does not exist.' });
    }
  });

  it('delivers several pages of revisions to a subscriber that is far behind', async () => {
    const { hub, stored, viewer } = await watchDatabase();
    const { id } = await stored.create();
    const ahead = await hub.watchTask(viewer, id, null);
    const behind = await hub.watchTask(viewer, id, 0);
    await Promise.all([readUntil(ahead, 251), stored.reviseTimes(id, 250)]);
    expect(revisionsOf(await readUntil(behind, 251))).toEqual(range(1, 251));
  });

  it('delivers each revision as it was stored, live and replayed', async () => {
    const { hub, stored, viewer } = await watchDatabase();
    const created = await stored.create();
    const { id } = created;
    const live = await hub.watchTask(viewer, id, 0);
    const sessionId = newId('session');
    const error = { code: 'SANDBOX_FAILED', message: 'No room.', step: null, retryable: true } as const;
    const [nameStarted, nameSettled, sandboxStarted, ...toRunning] = eventsToRunning(created);
    const written: Task[] = [created];
    for (const event of [
      nameStarted,
      nameSettled,
      sandboxStarted,
      failed('create_sandbox', null),
      { type: 'taskRetried' },
      started('create_sandbox'),
      ...toRunning,
      { type: 'sessionAdded', sessionId, agent: 'demo' },
      { type: 'sessionStarted', sessionId, timeoutMs: 60_000 },
      { type: 'sessionFailed', sessionId, error, retryMs: null },
      { type: 'taskArchived' },
      { type: 'sandboxReleased' },
    ] as const) {
      if (event) written.push(await stored.change(id, event));
    }
    const replayed = await hub.watchTask(viewer, id, 0);
    expect(await readUntil(live, written.length)).toEqual(written);
    expect(await readUntil(replayed, written.length)).toEqual(written);
    // The revisions differ in everything that a subscriber can select.
    expect(written.map(({ state }) => state.status)).toEqual(
      expect.arrayContaining(['error', 'running', 'archived']),
    );
    expect(written.map(({ state }) => state.error?.code)).toContain('SANDBOX_FAILED');
    expect(written.map(({ state }) => state.sandbox?.id)).toContain('box');
    expect(written.map(({ state }) => state.sessions.length)).toContain(2);
  });

  it('I8 reads each revision once for all its subscribers', async () => {
    const { hub, stored, viewer, proxy } = await watchDatabase();
    const { id } = await stored.create();
    const subscriptions = await Promise.all(range(1, 100).map(() => hub.watchTask(viewer, id, 1)));
    const before = proxy.queries.length;
    for (const revision of range(2, 11)) {
      await stored.revise(id);
      const seen = await Promise.all(subscriptions.map((subscription) => subscription.next()));
      // The same object for all: what is made from it is made once.
      expect(new Set(seen.map(({ value }) => value)).size).toBe(1);
      expect(seen[0]?.value?.revision).toBe(revision);
    }
    expect(proxy.queries.slice(before).filter(isRevisionRead)).toHaveLength(10);
    await Promise.all(subscriptions.map((subscription) => subscription.return()));
  });

  it('I8 shares the catch-up of subscribers that start at the same revision at the same time', async () => {
    const { hub, stored, viewer, proxy } = await watchDatabase();
    const { id } = await stored.create();
    await stored.reviseTimes(id, 9);
    const before = proxy.queries.length;
    const logs = await Promise.all(
      range(1, 200).map(async () => readUntil(await hub.watchTask(viewer, id, 0), 10)),
    );
    expect(proxy.queries.slice(before).filter(isRevisionRead).length).toBeLessThan(6);
    for (const log of logs) expect(revisionsOf(log)).toEqual(range(1, 10));
    expect(new Set(logs.map(([first]) => first)).size).toBe(1);
  });

  it('reads no revision of a task whose last subscriber has left', async () => {
    const { hub, stored, viewer, proxy } = await watchDatabase();
    const { id } = await stored.create();
    const other = await stored.create();
    const subscriptions = await Promise.all(range(1, 10).map(() => hub.watchTask(viewer, id, 0)));
    await Promise.all(subscriptions.map((subscription) => subscription.return()));
    const witness = await hub.watchTask(viewer, other.id, 1);
    const before = proxy.queries.length;
    await stored.reviseTimes(id, 5);
    // Wake-ups arrive in order: when this revision is here, the wake-ups of the first task have been handled.
    await stored.revise(other.id);
    await readUntil(witness, 2);
    expect(proxy.queries.slice(before).filter(isRevisionRead)).toHaveLength(1);
  });

  it('waits for a database that is unavailable', async () => {
    const { hub, stored, viewer, proxy } = await watchDatabase();
    const { id } = await stored.create();
    proxy.away = true;
    const watching = hub.watchTask(viewer, id, 0);
    // The listener and the poll try to connect again too.
    await waitFor(() => proxy.refused >= 5);
    proxy.away = false;
    expect(revisionsOf(await readUntil(await watching, 1))).toEqual([1]);
  });

  it('ignores wake-ups that are malformed or of revisions that do not exist', async () => {
    const { hub, stored, viewer } = await watchDatabase();
    const { id, project } = await stored.create();
    const subscription = await hub.watchTask(viewer, id, 1);
    const payloads = ['x', '1000'].map(
      (revision) => `${id} ${revision} 0 ${viewer.workspace.id} ${project.id}`,
    );
    for (const payload of ['', 'nonsense', ...payloads]) {
      await stored.sql(`select pg_notify('groundcrew_task', ?)`, [payload]);
    }
    await stored.reviseTimes(id, 3);
    expect(revisionsOf(await readUntil(subscription, 4))).toEqual([2, 3, 4]);
  });
});
