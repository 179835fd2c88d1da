import { waitFor } from '../../support/wait-for.ts';
import type { Installation } from './installation.ts';

/** A task's row that the test has locked: every write to it waits. */
export interface RowLock {
  /** Resolves once a connection of Groundcrew waits for the row. */
  waited(timeoutMs?: number): Promise<void>;
  /** Ends all statements of Groundcrew that wait for the row: a write that got no answer in time is sent again. */
  terminateWaiters(): Promise<void>;
  release(): Promise<void>;
}

export async function lockTask(app: Installation, taskId: string): Promise<RowLock> {
  const client = await app.pool.connect();
  await client.query('begin');
  await client.query('select from task where id = $1 for update', [taskId]);
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const own = rows[0]?.pid;
  let released: Promise<void> | undefined;
  const waiting = `pg_stat_activity where application_name = 'groundcrew' and $1 = any(pg_blocking_pids(pid))`;
  return {
    async waited(timeoutMs) {
      const isWaiting = async () => (await app.sql(`select from ${waiting}`, [own])).length > 0;
      await waitFor(isWaiting, timeoutMs, 'a connection that waits for the row');
    },
    async terminateWaiters() {
      // One that waits behind another waits for the row itself only once that one is gone.
      await waitFor(
        async () => (await app.sql(`select pg_terminate_backend(pid) from ${waiting}`, [own])).length === 0,
        undefined,
        'no connection that waits for the row',
      );
    },
    release() {
      released ??= client.query('rollback').then(() => client.release());
      return released;
    },
  };
}
