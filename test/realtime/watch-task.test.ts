import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { newId } from '../../src/tasks/domain/id.ts';
import type { Task } from '../../src/tasks/domain/task.ts';
import { range } from '../support/range.ts';
import { seededRandom } from './seeded-random.ts';
import { isRevisionRead, readUntil, revisionsOf, watchDatabase } from './watched-database.ts';

describe('a task that is watched', () => {
  it('shows each revision once and in order, wherever its replay meets what is written meanwhile', async () => {
    const { hub, writer, workspaceId } = await watchDatabase();
    const { id } = await writer.create();
    const last = 200;
    const random = seededRandom(1);
    const writing = Promise.all(range(1, 4).map(() => reviseUntil(last)));
    async function reviseUntil(revision: number) {
      while ((await writer.revisionOf(id)) < revision - 4) await writer.revise(id);
    }

    const logs = await Promise.all(
      range(1, 40).map(async (turn) => {
        // They begin while it is written, each behind another revision.
        while ((await writer.revisionOf(id)) < turn * 4) await writer.revisionOf(id);
        const newest = await writer.revisionOf(id);
        const after = turn % 4 === 0 ? null : Math.floor(random() * (newest + 1));
        const seen = revisionsOf(await readUntil(await hub.watchTask(workspaceId, id, after), last - 4));
        return { after, seen };
      }),
    );
    await writing;
    for (const { after, seen } of logs) {
      const first = after === null ? seen[0] : after + 1;
      expect(seen).toEqual(range(first as number, last - 4));
    }
  });

  it('begins with the task as it is now, unless told where', async () => {
    const { hub, writer, workspaceId } = await watchDatabase();
    const { id } = await writer.create();
    await writer.reviseTimes(id, 4);
    expect(revisionsOf(await readUntil(await hub.watchTask(workspaceId, id, null), 5))).toEqual([5]);
    expect(revisionsOf(await readUntil(await hub.watchTask(workspaceId, id, 3), 5))).toEqual([4, 5]);
    expect(revisionsOf(await readUntil(await hub.watchTask(workspaceId, id, 0), 5))).toEqual(range(1, 5));
  });

  it('is replayed page by page to who is far behind, while others are up to date', async () => {
    const { hub, writer, workspaceId } = await watchDatabase();
    const { id } = await writer.create();
    const ahead = await hub.watchTask(workspaceId, id, null);
    const behind = await hub.watchTask(workspaceId, id, 0);
    await Promise.all([readUntil(ahead, 251), writer.reviseTimes(id, 250)]);
    expect(revisionsOf(await readUntil(behind, 251))).toEqual(range(1, 251));
  });

  it('costs one read of each page, however many come back to it at once', async () => {
    const { hub, writer, workspaceId, proxy } = await watchDatabase();
    const { id } = await writer.create();
    await writer.reviseTimes(id, 9);
    const reads = () => proxy.queries.filter((text) => /from task_event|from task t/.test(text)).length;
    const before = reads();
    const logs = await Promise.all(
      range(1, 200).map(async () => readUntil(await hub.watchTask(workspaceId, id, 0), 10)),
    );
    // And the look that is made each second.
    expect(reads() - before).toBeLessThan(8);
    expect(new Set(logs.map((log) => JSON.stringify(revisionsOf(log))))).toEqual(
      new Set([JSON.stringify(range(1, 10))]),
    );
    // The same objects, so that what is made of them is shared too.
    expect(new Set(logs.map(([first]) => first)).size).toBe(1);
  });

  it('can be begun while the database is away', async () => {
    const { hub, writer, workspaceId, proxy } = await watchDatabase();
    const { id } = await writer.create();
    const list = hub.watchTasks(workspaceId, (await writer.create()).project.id);
    await (await list).return();
    proxy.away = true;
    const watching = hub.watchTask(workspaceId, id, 0);
    const listing = hub.watchTasks(workspaceId, (await writer.create()).project.id);
    expect(await Promise.race([watching, listing, delay(300, 'waits')])).toBe('waits');
    proxy.away = false;
    expect(revisionsOf(await readUntil(await watching, 1))).toEqual([1]);
    await (await listing).return();
  });

  it('shows each revision as it was', async () => {
    const { hub, writer, workspaceId } = await watchDatabase();
    const created = await writer.create();
    const { id } = created;
    const live = await hub.watchTask(workspaceId, id, 0);
    const written: Task[] = [created];
    const at = '2026-11-22T08:10:13.123Z';
    const later = '2026-11-22T08:11:13.123Z';
    const sessionId = created.state.sessions[0].id;
    const error = {
      code: 'SANDBOX_FAILED',
      message: 'No room.',
      step: 'create_sandbox',
      retryable: true,
    } as const;
    const sandbox = { id: 'sandbox-1', provider: 'local', cwd: '/checkout' };
    const second = newId('session');
    for (const event of [
      { type: 'stepStarted', step: 'ensure_name', at, deadlineAt: later },
      { type: 'nameSettled', at, title: 'Fix it', branchName: 'fix-it' },
      { type: 'stepStarted', step: 'create_sandbox', at, deadlineAt: later },
      { type: 'stepFailed', step: 'create_sandbox', at, error, nextAttemptAt: null },
      { type: 'taskRetried', at },
      { type: 'stepStarted', step: 'create_sandbox', at, deadlineAt: later },
      { type: 'sandboxCreated', at, sandbox },
      { type: 'stepStarted', step: 'ensure_agent', at, deadlineAt: later },
      { type: 'agentStarted', at },
      { type: 'stepStarted', step: 'create_session', at, deadlineAt: later },
      { type: 'sessionOpened', at, sessionId },
      { type: 'provisioned', at },
      { type: 'sessionAdded', at, sessionId: second, agent: 'demo' },
      { type: 'sessionStarted', at, sessionId: second, deadlineAt: later },
      { type: 'sessionFailed', at, sessionId: second, error, nextAttemptAt: null },
      { type: 'taskArchived', at },
      { type: 'sandboxReleased', at },
    ] as const) {
      written.push(await writer.change(id, event));
    }
    const last = written.length;
    const replayed = await hub.watchTask(workspaceId, id, 0);
    expect(await readUntil(replayed, last)).toEqual(written);
    expect(await readUntil(live, last)).toEqual(written);
    // The states differ in all that a subscriber may ask for.
    expect(written.map(({ state }) => state.status)).toEqual(
      expect.arrayContaining(['error', 'running', 'archived']),
    );
    expect(written.map(({ state }) => state.error?.code)).toContain('SANDBOX_FAILED');
    expect(written.map(({ state }) => state.sandbox?.id)).toContain('sandbox-1');
    expect(written.map(({ state }) => state.sessions.length)).toContain(2);
  });

  it.each([
    ['beyond the newest', 4],
    ['negative', -1],
  ])('is not watched from a revision that is %s', async (_what, afterRevision) => {
    const { hub, writer, workspaceId } = await watchDatabase();
    const { id } = await writer.create();
    await writer.reviseTimes(id, 2);
    await expect(hub.watchTask(workspaceId, id, afterRevision)).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'afterRevision',
    });
    // The newest is fine: nothing comes until something happens.
    const subscription = await hub.watchTask(workspaceId, id, 3);
    const next = subscription.next();
    await writer.revise(id);
    expect(await next).toMatchObject({ value: { revision: 4 } });
    await subscription.return();
  });

  it("I13 is missing alike for a malformed id, an unknown one and another workspace's", async () => {
    const { hub, writer, workspaceId } = await watchDatabase();
    const foreign = await writer.create({ workspaceId: await writer.foreignWorkspace() });
    const errors = await Promise.all(
      ['', 'task_1', newId('task'), newId('session'), foreign.id].map((id) =>
        hub.watchTask(workspaceId, id, 0).catch((error: unknown) => error),
      ),
    );
    for (const error of errors)
      expect(error).toMatchObject({ code: 'NOT_FOUND', message: (errors[0] as Error).message });
  });

  it('lets go at once of who leaves while he waits', async () => {
    const { hub, writer, workspaceId } = await watchDatabase();
    const { id } = await writer.create();
    const subscription = await hub.watchTask(workspaceId, id, 1);
    const waiting = subscription.next();
    expect(await subscription.return()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
  });

  it('I8 costs one query for each revision, however many watch it', async () => {
    const { hub, writer, workspaceId, proxy } = await watchDatabase();
    const { id } = await writer.create();
    const subscriptions = await Promise.all(range(1, 100).map(() => hub.watchTask(workspaceId, id, 1)));
    const before = proxy.queries.length;
    for (const revision of range(2, 11)) {
      await writer.revise(id);
      const seen = await Promise.all(subscriptions.map((subscription) => subscription.next()));
      // All were given the same object: what is made of it is made once.
      expect(new Set(seen.map(({ value }) => value)).size).toBe(1);
      expect(seen[0]?.value?.revision).toBe(revision);
    }
    expect(proxy.queries.slice(before).filter(isRevisionRead)).toHaveLength(10);
    await Promise.all(subscriptions.map((subscription) => subscription.return()));
  });

  it('costs no read once the last has left', async () => {
    const { hub, writer, workspaceId, proxy } = await watchDatabase();
    const { id } = await writer.create();
    const other = await writer.create();
    const subscriptions = await Promise.all(range(1, 10).map(() => hub.watchTask(workspaceId, id, 0)));
    await Promise.all(subscriptions.map((subscription) => subscription.return()));
    const before = proxy.queries.length;
    await writer.reviseTimes(id, 5);
    // By the time that this one has come, those before it have been heard of.
    const witness = await hub.watchTask(workspaceId, other.id, 1);
    await writer.revise(other.id);
    await readUntil(witness, 2);
    expect(proxy.queries.slice(before).filter(isRevisionRead)).toHaveLength(1);
  });

  it('shrugs off wake-ups for revisions that there are not', async () => {
    const { hub, writer, workspaceId, execute } = await watchDatabase();
    const { id, project } = await writer.create();
    const subscription = await hub.watchTask(workspaceId, id, 1);
    for (const text of ['', 'nonsense', `${id} 1000 0 ${workspaceId} ${project.id}`]) {
      await execute(`select pg_notify('groundcrew_task', '${text}')`);
    }
    await writer.reviseTimes(id, 3);
    expect(revisionsOf(await readUntil(subscription, 4))).toEqual([2, 3, 4]);
  });
});
