import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { newId } from '../../src/tasks/domain/id.ts';
import { ownTime } from '../support/own-time.ts';
import { range } from '../support/range.ts';
import { waitFor } from '../support/wait-for.ts';
import { isRevisionRead, readUntil, revisionsOf, watchDatabase } from './watched-database.ts';

describe('I6 a hub that receives no wake-ups', () => {
  it('delivers every revision in order within two seconds', async () => {
    const { hub, stored, viewer, proxy } = await watchDatabase({ swallowing: true });
    const tasks = await Promise.all(range(1, 20).map(() => stored.create()));
    const list = await hub.watchTasks(viewer, null);
    const subscriptions = await Promise.all(tasks.map(({ id }) => hub.watchTask(viewer, id, 1)));
    for (const round of range(1, 2)) {
      await Promise.all(tasks.map(({ id }) => stored.reviseTimes(id, 3)));
      const written = ownTime.now();
      await Promise.all(
        subscriptions.map(async (subscription) => {
          for (const revision of range(round * 3 - 1, round * 3 + 1)) {
            expect(await subscription.next()).toMatchObject({ value: { revision } });
          }
        }),
      );
      expect(ownTime.now() - written).toBeLessThan(2_000);
    }
    const newest = new Map<string, number>();
    while ([...newest.values()].filter((revision) => revision === 7).length < tasks.length) {
      const { value } = await list.next();
      if (value) newest.set(value.id, value.revision);
    }
    expect(proxy.swallowed).toBeGreaterThan(0);
    await Promise.all([list, ...subscriptions].map((subscription) => subscription.return()));
  });

  it('delivers a revision that is committed between a poll without subscribers and the first subscription', async () => {
    const { hub, stored, viewer } = await watchDatabase({ swallowing: true });
    const { id } = await stored.create();
    const client = new Client(stored.url);
    await client.connect();
    await client.query('begin; lock table task_event in access exclusive mode');
    // A poll is running. It waits for the lock, and sees everything that is committed before it continues.
    await waitFor(async () => {
      const waiting = await stored.sql(
        `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
      );
      return waiting.length > 0;
    });
    const subscription = await hub.watchTask(viewer, id, 1);
    const list = await hub.watchTasks(viewer, null);
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

  it('polls once a second, however many subscribers it has', async () => {
    const { hub, stored, viewer, proxy } = await watchDatabase({ swallowing: true });
    const tasks = await Promise.all(range(1, 10).map(() => stored.create()));
    const subscriptions = await Promise.all(
      range(1, 100).map((n) => hub.watchTask(viewer, tasks[n % tasks.length]?.id as string, 1)),
    );
    const polls = () => proxy.queries.filter((text) => text.includes('pg_current_snapshot')).length;
    const before = { at: ownTime.now(), polls: polls(), queries: proxy.queries.length };
    await waitFor(() => polls() >= before.polls + 3);
    const seconds = (ownTime.now() - before.at) / 1_000;
    // One more is the listener's probe, every four seconds.
    expect(proxy.queries.length - before.queries).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
    await Promise.all(subscriptions.map((subscription) => subscription.return()));
  });
});

describe('a hub whose LISTEN connection is lost', () => {
  it('misses no revision', async () => {
    const { hub, stored, viewer, listener } = await watchDatabase();
    const { id } = await stored.create();
    const subscription = await hub.watchTask(viewer, id, 0);
    const list = await hub.watchTasks(viewer, null);
    const reading = readUntil(subscription, 31);
    const listed = readUntil(list, 31);
    for (const _round of range(1, 3)) {
      await stored.reviseTimes(id, 5);
      await stored.sql(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'groundcrew listen' and datname = current_database()`,
      );
      await stored.reviseTimes(id, 5);
      await waitFor(() => listener.connected);
    }
    expect(revisionsOf(await reading)).toEqual(range(1, 31));
    const revisions = revisionsOf(await listed);
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
  });

  it('reads there at a wake-up, and elsewhere when it is lost before the answer', async () => {
    const { hub, stored, viewer, proxy } = await watchDatabase();
    const { id } = await stored.create();
    const subscription = await hub.watchTask(viewer, id, 1);
    const listens = () => proxy.queries.filter((text) => text.startsWith('listen ')).length;
    const before = listens();
    let reads = 0;
    proxy.cutsAt = (text) => isRevisionRead(text) && ++reads === 1;
    await stored.revise(id);
    expect(revisionsOf(await readUntil(subscription, 2))).toEqual([2]);
    expect(reads).toBe(2);
    await waitFor(() => listens() > before);
  });

  it('delivers within two seconds while the connection is silent, and replaces it within 15', async () => {
    const { hub, stored, viewer, listener, proxy } = await watchDatabase();
    const { id } = await stored.create();
    const subscription = await hub.watchTask(viewer, id, 1);
    const listens = () => proxy.queries.filter((text) => text.startsWith('listen ')).length;
    const before = listens();
    proxy.freezeListeners();
    const frozen = ownTime.now();
    await stored.revise(id);
    expect(revisionsOf(await readUntil(subscription, 2))).toEqual([2]);
    expect(ownTime.now() - frozen).toBeLessThan(2_000);
    await waitFor(() => listens() > before && listener.connected, 15_000);
  });
});
