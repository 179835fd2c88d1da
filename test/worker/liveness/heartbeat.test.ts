import { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/log.ts';
import { workerLockClass } from '../../../src/tasks/store/worker-registry.ts';
import { Heartbeat } from '../../../src/worker/liveness/heartbeat.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { waitFor } from '../../support/wait-for.ts';

let database: TestDatabase;
let admin: Pool;
let heartbeat: Heartbeat;
beforeAll(async () => {
  database = await createTestDatabase();
  admin = new Pool({ connectionString: database.url });
});
afterEach(async () => {
  await heartbeat.stop();
  await admin.query('delete from worker');
});
afterAll(async () => {
  await admin.end();
  await database.drop();
});

interface WorkerRow {
  readonly id: string;
  readonly lock: number;
  readonly pool_ids: string[];
  readonly heartbeat_at: Date;
}
const rows = async () => (await admin.query<WorkerRow>('select * from worker')).rows;
const row = async () => (await rows())[0] as WorkerRow;
const isLocked = async (lock: number) =>
  (
    await admin.query(
      `select from pg_locks where classid = $1 and objid = $2 and granted
        and database = (select oid from pg_database where datname = current_database())`,
      [workerLockClass, lock],
    )
  ).rowCount === 1;
/** Resolves once the heartbeat has connected again. */
async function cutConnection(): Promise<void> {
  await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'groundcrew worker' and datname = current_database()`);
  await waitFor(() => heartbeat.connectionWasLost);
}

async function startHeartbeat(poolId = 'pool 1'): Promise<void> {
  heartbeat = new Heartbeat({ url: database.url, locations: ['here'], logger: createLogger('silent') });
  await heartbeat.attachPool(poolId);
}

describe('Heartbeat', () => {
  it('has stored the worker, its pool and its lock when attachPool resolves', async () => {
    await startHeartbeat();
    const stored = await row();
    expect(stored).toMatchObject({ id: heartbeat.workerId, pool_ids: ['pool 1'] });
    expect(await isLocked(stored.lock)).toBe(true);
  });

  it('has stored a second pool when attachPool resolves', async () => {
    await startHeartbeat();
    await heartbeat.attachPool('pool 2');
    expect((await row()).pool_ids).toEqual(['pool 1', 'pool 2']);
  });

  it('has stored a second pool that was attached during a heartbeat when attachPool resolves', async () => {
    await startHeartbeat();
    const client = await admin.connect();
    await client.query('begin; select from worker for update');
    await waitFor(
      async () =>
        (
          await admin.query(`select from pg_stat_activity
            where application_name = 'groundcrew worker' and datname = current_database() and wait_event_type = 'Lock'`)
        ).rowCount === 1,
      undefined,
      'a heartbeat that waits for the row',
    );
    const attached = heartbeat.attachPool('pool 2');
    await client.query('rollback');
    client.release();
    await attached;
    expect((await row()).pool_ids).toEqual(['pool 1', 'pool 2']);
  });

  it('moves heartbeat_at', async () => {
    await startHeartbeat();
    const before = (await row()).heartbeat_at;
    await waitFor(async () => (await row()).heartbeat_at > before);
  });

  it('frees the lock when it stops', async () => {
    await startHeartbeat();
    const { lock } = await row();
    await heartbeat.stop();
    await waitFor(async () => !(await isLocked(lock)));
  });

  it('keeps its row and takes its lock again after it has lost its connection', async () => {
    await startHeartbeat();
    const { id, lock } = await row();
    expect(heartbeat.connectionWasLost).toBe(false);
    await cutConnection();
    await waitFor(() => isLocked(lock));
    expect((await rows()).map((each) => each.id)).toEqual([id]);
    expect(heartbeat.workerId).toBe(id);
  });

  it('is stable for less time than it runs after it has lost its connection', async () => {
    await startHeartbeat();
    const before = await waitFor(() => heartbeat.stableForMs > 300 && heartbeat.stableForMs);
    await cutConnection();
    await waitFor(() => heartbeat.stableForMs < before);
  });

  it('moves heartbeat_at while another session has its lock, and takes the lock once that is free', async () => {
    await startHeartbeat();
    const { lock } = await row();
    const holder = await admin.connect();
    const locked = holder.query('select pg_advisory_lock($1, $2)', [workerLockClass, lock]);
    await cutConnection();
    await locked;
    const before = (await row()).heartbeat_at;
    await waitFor(async () => (await row()).heartbeat_at > before);
    await holder.query('select pg_advisory_unlock_all()');
    holder.release();
    await waitFor(() => isLocked(lock));
  });

  it('registers under a new id after it was declared dead', async () => {
    await startHeartbeat();
    const declaredDead = heartbeat.workerId;
    await admin.query('delete from worker');
    const stored = await waitFor(row);
    expect(stored.id).not.toBe(declaredDead);
    expect(stored).toMatchObject({ id: heartbeat.workerId, pool_ids: ['pool 1'] });
    await waitFor(() => isLocked(stored.lock));
  });
});
