import { describe, expect, it } from 'vitest';
import { newId } from '../../src/tasks/domain/id.ts';
import { range } from '../support/range.ts';
import { waitFor } from '../support/wait-for.ts';
import { readUntil, takeUntil, watchDatabase } from './watched-database.ts';

describe('Hub.watchTasks', () => {
  it('delivers every task of many that change at once', async () => {
    const { hub, stored, viewer } = await watchDatabase();
    const { id } = await stored.create();
    const list = await hub.watchTasks(viewer, null);
    const count = 12_000;
    // The ids of the copies differ in their last digits.
    const copy = (column: string) => `left(${column}, -6) || lpad(n::text, 6, '0')`;
    await stored.sql(`
      with made as (
        insert into task (id, workspace_id, project_id, repo_url, prompt, provider, agent, revision, status, state,
          created_at, updated_at)
        select ${copy('id')}, workspace_id, project_id, repo_url, prompt, provider, agent, 1, status, state, now(), now()
        from task, generate_series(1, ${count}) n where id = '${id}' returning *
      )
      insert into task_event (id, task_id, revision, kind, status, state, at)
      select replace(id, 'task', 'event'), id, 1, 'task.created', status, state, now() from made`);
    const seen = new Set<string>();
    for await (const task of list) {
      seen.add(task.id);
      if (seen.size === count) break;
    }
    expect(seen.size).toBe(count);
  });

  it('delivers the newest revision of each task, and no revision after a newer one', async () => {
    const { hub, stored, viewer } = await watchDatabase();
    const old = await stored.create();
    const list = await hub.watchTasks(viewer, null);
    const tasks = [old, ...(await Promise.all(range(1, 19).map(() => stored.create())))];
    // Two writers for each task, so that its wake-ups follow each other closely.
    const writing = Promise.all([...tasks, ...tasks].map(({ id }) => stored.reviseTimes(id, 5)));
    const newest = new Map<string, number>();
    for await (const { id, revision } of list) {
      expect(revision).toBeGreaterThan(newest.get(id) ?? 0);
      newest.set(id, revision);
      if (newest.size === tasks.length && [...newest.values()].every((each) => each === 11)) break;
    }
    await writing;
  });

  it('merges the revisions that a slow subscriber has not taken', async () => {
    const { hub, stored, viewer } = await watchDatabase();
    const task = await stored.create();
    const slow = await hub.watchTasks(viewer, null);
    const quick = await hub.watchTasks(viewer, null);
    await Promise.all([readUntil(quick, 6), stored.reviseTimes(task.id, 5)]);
    expect(await slow.next()).toMatchObject({ value: { revision: 6 } });
    await slow.return();
  });

  it('delivers only the tasks of a project when one is given', async () => {
    const { hub, stored, viewer } = await watchDatabase();
    const one = await stored.create({ repoUrl: 'https://example.com/a/one' });
    const two = await stored.create({ repoUrl: 'https://example.com/a/two' });
    const ofOne = await hub.watchTasks(viewer, one.project.id);
    const ofAll = await hub.watchTasks(viewer, null);
    await stored.revise(two.id);
    // When the list of all has it, the list of the first project would have it too.
    await takeUntil(ofAll, ({ id, revision }) => id === two.id && revision === 2);
    await stored.revise(one.id);
    const seen = await readUntil(ofOne, 2);
    expect(new Set(seen.map(({ id }) => id))).toEqual(new Set([one.id]));
  });

  it('delivers no task of another workspace', async () => {
    const { hub, stored, viewer } = await watchDatabase();
    const mine = await stored.create();
    const otherWorkspaceId = await stored.createWorkspace();
    const foreign = await stored.create({}, otherWorkspaceId);
    const list = await hub.watchTasks(viewer, null);
    const otherList = await hub.watchTasks(stored.viewOf(otherWorkspaceId).viewer, null);
    await stored.revise(foreign.id);
    await readUntil(otherList, 2);
    await stored.revise(mine.id);
    const seen = await readUntil(list, 2);
    expect(new Set(seen.map(({ id }) => id))).toEqual(new Set([mine.id]));
  });

  it("rejects an unknown project and another workspace's alike", async () => {
    const { hub, stored, viewer } = await watchDatabase();
    const foreign = await stored.create({}, await stored.createWorkspace());
    for (const projectId of [foreign.project.id, newId('project')]) {
      await expect(hub.watchTasks(viewer, projectId)).rejects.toMatchObject({
        code: 'NOT_FOUND',
        message: 'The project does not exist.',
      });
    }
  });

  it('waits for a database that is unavailable', async () => {
    const { hub, stored, viewer, proxy } = await watchDatabase();
    const { id, project } = await stored.create();
    proxy.away = true;
    const watching = hub.watchTasks(viewer, project.id);
    // The listener and the poll try to connect again too.
    await waitFor(() => proxy.refused >= 5);
    proxy.away = false;
    const list = await watching;
    await stored.revise(id);
    expect((await readUntil(list, 2)).at(-1)).toMatchObject({ id, revision: 2 });
  });
});
