import { waitFor } from '../../support/wait-for.ts';
import type { Installation } from './installation.ts';

/** A task's row that the test has locked: every write to it waits. */
export interface RowLock {
  /** Waits until a connection of Groundcrew waits for the row, and returns the pid of its backend. */
  waiter(timeoutMs?: number): Promise<number>;
  release(): Promise<void>;
}

export async function lockTask(app: Installation, taskId: string): Promise<RowLock> {
  const client = await app.pool.connect();
  await client.query('begin');
  await client.query('select from task where id = $1 for update', [taskId]);
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const own = rows[0]?.pid;
  let released: Promise<void> | undefined;
  return {
    async waiter(timeoutMs) {
      let pid: number | undefined;
      await waitFor(
        async () => {
          const waiting = await app.sql<{ pid: number }>(
            `select pid from pg_stat_activity where application_name = 'groundcrew' and $1 = any(pg_blocking_pids(pid))`,
            [own],
          );
          pid = waiting[0]?.pid;
          return pid !== undefined;
        },
        timeoutMs,
        'a connection that waits for the row',
      );
      return pid as number;
    },
    release() {
      released ??= client.query('rollback').then(() => client.release());
      return released;
    },
  };
}
