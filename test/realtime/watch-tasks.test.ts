import { describe, expect, it } from 'vitest';
import { newId } from '../../src/tasks/domain/id.ts';
import type { Task } from '../../src/tasks/domain/task.ts';
import { range } from '../support/range.ts';
import { watchDatabase } from './watched-database.ts';

describe('a list that is watched', () => {
  it('shows each of very many tasks that change at once', async () => {
    const { hub, writer, workspaceId, execute } = await watchDatabase();
    const { id } = await writer.create();
    const list = await hub.watchTasks(workspaceId, null);
    const count = 12_000;
    // The ends of ids that differ.
    const copy = (column: string) => `left(${column}, -6) || lpad(n::text, 6, '0')`;
    await execute(`
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

  it('shows the newest revision of each task that changes, and never goes back', async () => {
    const { hub, writer, workspaceId } = await watchDatabase();
    const old = await writer.create();
    const list = await hub.watchTasks(workspaceId, null);
    const tasks = [old, ...(await Promise.all(range(1, 19).map(() => writer.create())))];
    const writing = Promise.all(
      tasks.map(async ({ id }) => {
        // Two writers each: their wake-ups come close to each other.
        await Promise.all([writer.reviseTimes(id, 5), writer.reviseTimes(id, 5)]);
      }),
    );
    const newest = new Map<string, number>();
    for await (const { id, revision } of list) {
      expect(revision).toBeGreaterThan(newest.get(id) ?? 0);
      newest.set(id, revision);
      if (newest.size === tasks.length && [...newest.values()].every((each) => each === 11)) break;
    }
    await writing;
  });

  it('merges for one who is slow what he would have seen change', async () => {
    const { hub, writer, workspaceId } = await watchDatabase();
    const task = await writer.create();
    const slow = await hub.watchTasks(workspaceId, null);
    const quick = await hub.watchTasks(workspaceId, null);
    for (const revision of range(2, 6)) {
      await writer.revise(task.id);
      // The wake-up of its creation may have come only now.
      while ((await quick.next()).value?.revision !== revision);
    }
    expect(await slow.next()).toMatchObject({ value: { revision: 6 } });
    const waiting = slow.next();
    await Promise.all([slow.return(), quick.return()]);
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  it("holds one project's tasks when asked for it, and never another workspace's", async () => {
    const { hub, writer, workspaceId } = await watchDatabase();
    const one = await writer.create({ repoUrl: 'https://example.com/a/one' });
    const two = await writer.create({ repoUrl: 'https://example.com/a/two' });
    const foreign = await writer.create({ workspaceId: await writer.foreignWorkspace() });
    const ofOne = await hub.watchTasks(workspaceId, one.project.id);
    const ofAll = await hub.watchTasks(workspaceId, null);
    for (const { id } of [foreign, two, one]) await writer.revise(id);
    expect((await ofOne.next()).value?.id).toBe(one.id);
    const seen = [(await ofAll.next()).value, (await ofAll.next()).value] as Task[];
    expect(seen.map(({ id }) => id)).toEqual([two.id, one.id]);
    await expect(hub.watchTasks(workspaceId, foreign.project.id)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(hub.watchTasks(workspaceId, newId('project'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await Promise.all([ofOne.return(), ofAll.return()]);
  });
});
