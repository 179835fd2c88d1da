import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { newId } from '../../src/tasks/domain/id.ts';
import { range } from '../support/range.ts';
import { waitFor } from '../support/wait-for.ts';
import { readUntil, revisionsOf, watchDatabase } from './watched-database.ts';

describe('I6 a node that no wake-up reaches', () => {
  it('serves its subscribers within two seconds, in order', async () => {
    const { hub, writer, workspaceId, proxy } = await watchDatabase({ swallowing: true });
    const tasks = await Promise.all(range(1, 20).map(() => writer.create()));
    const list = await hub.watchTasks(workspaceId, null);
    const subscriptions = await Promise.all(tasks.map(({ id }) => hub.watchTask(workspaceId, id, 1)));
    for (const round of range(1, 2)) {
      await Promise.all(tasks.map(({ id }) => writer.reviseTimes(id, 3)));
      const written = performance.now();
      await Promise.all(
        subscriptions.map(async (subscription) => {
          for (const revision of range(round * 3 - 1, round * 3 + 1)) {
            expect(await subscription.next()).toMatchObject({ value: { revision } });
          }
        }),
      );
      expect(performance.now() - written).toBeLessThan(2_000);
    }
    const newest = new Map<string, number>();
    while ([...newest.values()].filter((revision) => revision === 7).length < tasks.length) {
      const { value } = await list.next();
      if (value) newest.set(value.id, value.revision);
    }
    expect(proxy.swallowed).toBeGreaterThan(0);
    await Promise.all([list, ...subscriptions].map((subscription) => subscription.return()));
  });

  it('finds what came between a look that nobody watched and the first who watches', async () => {
    const { hub, writer, workspaceId, execute, url } = await watchDatabase({ swallowing: true });
    const { id } = await writer.create();
    const client = new Client({ connectionString: url, application_name: 'holder' });
    await client.connect();
    await client.query('begin; lock table task_event in access exclusive mode');
    // A look is under way, and will see what is written until it may go on.
    await waitFor(
      async () =>
        (
          (await execute(
            `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
          )) as unknown[]
        ).length > 0,
    );
    const subscription = await hub.watchTask(workspaceId, id, 1);
    const list = await hub.watchTasks(workspaceId, null);
    await client.query(
      `with changed as (update task set revision = 2 where id = $1 returning *)
       insert into task_event (id, task_id, revision, kind, status, state, at)
       select $2, id, revision, 'step.started', status, state, now() from changed`,
      [id, newId('event')],
    );
    await client.query('commit');
    await client.end();
    expect(revisionsOf(await readUntil(subscription, 2))).toEqual([2]);
    expect(revisionsOf(await readUntil(list, 2))).toEqual([2]);
  });

  it('asks once a second, whoever watches', async () => {
    const { hub, writer, workspaceId, proxy } = await watchDatabase({ swallowing: true });
    const tasks = await Promise.all(range(1, 10).map(() => writer.create()));
    const subscriptions = await Promise.all(
      range(1, 100).map((n) => hub.watchTask(workspaceId, tasks[n % tasks.length]?.id as string, 1)),
    );
    const looks = () => proxy.queries.filter((text) => text.includes('pg_snapshot_xmin')).length;
    const [began, looked, asked] = [performance.now(), looks(), proxy.queries.length];
    await waitFor(() => looks() >= looked + 3);
    const seconds = (performance.now() - began) / 1_000;
    // The listener's own beat, every four seconds, is the other.
    expect(proxy.queries.length - asked).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
    await Promise.all(subscriptions.map((subscription) => subscription.return()));
  });

  it('misses nothing when its connection for them is ended', async () => {
    const { hub, writer, workspaceId, listener, execute } = await watchDatabase();
    const { id } = await writer.create();
    const subscription = await hub.watchTask(workspaceId, id, 0);
    const list = await hub.watchTasks(workspaceId, null);
    const reading = readUntil(subscription, 31);
    const listed = readUntil(list, 31);
    for (const _round of range(1, 3)) {
      await writer.reviseTimes(id, 5);
      await execute(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'groundcrew listen' and datname = current_database()`,
      );
      await writer.reviseTimes(id, 5);
      await waitFor(() => listener.connected);
    }
    expect(revisionsOf(await reading)).toEqual(range(1, 31));
    const revisions = revisionsOf(await listed);
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
  });

  it('notices within 15 seconds that its connection has gone silent, and goes on meanwhile', async () => {
    const { hub, writer, workspaceId, listener, proxy } = await watchDatabase();
    const { id } = await writer.create();
    const subscription = await hub.watchTask(workspaceId, id, 1);
    const listens = () => proxy.queries.filter((text) => text.startsWith('listen ')).length;
    const before = listens();
    proxy.freezeListeners();
    const frozen = performance.now();
    await writer.revise(id);
    expect(revisionsOf(await readUntil(subscription, 2))).toEqual([2]);
    expect(performance.now() - frozen).toBeLessThan(2_000);
    await waitFor(() => listens() > before && listener.connected, 15_000);
  });
});
