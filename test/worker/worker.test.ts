import { expect, it } from 'vitest';
import { findTask } from '../../src/tasks/store/view/task-queries.ts';
import { cancelTask } from '../../src/tasks/task-actions.ts';
import { waitFor } from '../support/wait-for.ts';
import { startWorkerHarness } from './worker-harness.ts';

it('deletes tasks that were closed more than GROUNDCREW_RETENTION_DAYS ago', async () => {
  await using harness = await startWorkerHarness({ GROUNDCREW_RETENTION_DAYS: '30' });
  const { stored } = harness;
  const [old, recent] = [await harness.create(), await harness.create()];
  for (const [{ id }, days] of [
    [old, 31],
    [recent, 29],
  ] as const) {
    await harness.until(id, 'running');
    await cancelTask(stored.view, id);
    await harness.released(id);
    await stored.sql(
      `update task set created_at = aged.at, updated_at = aged.at
       from (select now() - ? * interval '1 day' as at) aged where id = ?`,
      [days, id],
    );
  }
  await stored.sql(`select graphile_worker.add_job('deleteClosedTasks')`);
  await waitFor(async () => (await findTask(stored.view, old.id)) === null);
  expect((await harness.find(recent.id)).state.status).toBe('canceled');
});
