import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Task } from '../../../src/tasks/domain/task.ts';
import { changeTask } from '../../../src/tasks/store/change-task.ts';
import { sweepLocations } from '../../../src/worker/sweeps/locations.ts';
import { StoredTasks } from '../../support/stored-tasks.ts';
import { started, succeeded } from '../../tasks/domain/machine-states.ts';

let tasks: StoredTasks;
beforeAll(async () => {
  tasks = await StoredTasks.create();
});
afterEach(() =>
  tasks.sql(
    'truncate worker, task, task_event, session, sandbox, api_token, login, webhook_delivery, graphile_worker._private_jobs cascade',
  ),
);
afterAll(() => tasks[Symbol.asyncDispose]());

/** A task whose sandbox lies at `location`, and which has been due for a minute. */
async function dueTaskAt(location: string | null): Promise<Task> {
  const { id } = await tasks.create();
  await tasks.change(id, started('ensure_name'), succeeded.ensure_name);
  await changeTask(tasks.db, id, { event: started('create_sandbox'), sandboxLocation: location });
  await tasks.change(id, succeeded.create_sandbox);
  const task = await tasks.change(id, started('ensure_agent'));
  await tasks.sql(`update task set wake_at = now() - interval '1 minute' where id = ?`, [id]);
  return task;
}

async function addWorker(id: string, locations: string[] | null, host = 'one boot-1 ns'): Promise<void> {
  await tasks.addWorker(id);
  await tasks.sql('update worker set locations = ?::text[], host = ? where id = ?', [
    locations && `{${locations.join()}}`,
    host,
    id,
  ]);
}

async function warnings(): Promise<unknown[]> {
  const lines: unknown[] = [];
  const write = (line: string) => {
    const { msg: _msg, level: _level, ...fields } = JSON.parse(line);
    lines.push(fields);
  };
  await sweepLocations(tasks.db, pino({ base: undefined, timestamp: false }, { write }));
  return lines;
}

describe('sweepLocations', () => {
  it('names each location that has work and no worker, with the number of its tasks', async () => {
    await addWorker('elsewhere', ['elsewhere']);
    await dueTaskAt('away');
    const { id } = await dueTaskAt('away');
    await tasks.change(id, { type: 'taskCanceled' });
    await tasks.sql(`update sandbox set updated_at = now() - interval '1 minute'`);
    await dueTaskAt('elsewhere');
    await dueTaskAt(null);
    expect(await warnings()).toEqual([{ location: 'away', provider: 'local', tasks: 2 }]);
  });

  it('says nothing of work that is due since a moment ago, or while a worker does not tell its locations', async () => {
    const { id } = await dueTaskAt('away');
    await addWorker('of an earlier version', null);
    expect(await warnings()).toEqual([]);
    await tasks.sql('delete from worker');
    await tasks.sql('update task set wake_at = now() where id = ?', [id]);
    expect(await warnings()).toEqual([]);
  });

  it('names a location that workers on two machines have, and not one of two containers', async () => {
    await addWorker('first', ['same', 'own'], 'one boot-1 ns-1');
    await addWorker('in a container', ['own'], 'container boot-1 ns-2');
    await addWorker('of a copy', ['same'], 'two boot-2 ns-1');
    expect(await warnings()).toEqual([{ location: 'same', hosts: ['one', 'two'] }]);
  });

  it('does not take a worker from before a restart of its machine for one on another machine', async () => {
    await addWorker('before', ['same'], 'one boot-1 ns-1');
    await tasks.sql(`update worker set heartbeat_at = now() - interval '5 seconds'`);
    await addWorker('after', ['same'], 'one boot-2 ns-1');
    expect(await warnings()).toEqual([]);
  });
});
