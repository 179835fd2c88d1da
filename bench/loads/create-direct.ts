// Creates tasks without HTTP: through src/tasks, by the same statement in raw `pg`, and, for what a round trip costs
// alone, `select 1`.
import type { EntityManager } from '@mikro-orm/postgresql';
import { Pool } from 'pg';
import { createOrm } from '../../src/db/orm.ts';
import { createTask, type Offer } from '../../src/tasks/create-task.ts';
import { ownersWorkspace } from '../../src/tasks/read.ts';
import { spreadOf } from '../statistics.ts';
import { finish, readSpec } from './load.ts';

export interface CreateDirectSpec {
  readonly databaseUrl: string;
  readonly repoUrl: string;
  readonly connections: number;
  readonly seconds: number;
}

const { databaseUrl, repoUrl, connections, seconds } = readSpec<CreateDirectSpec>();
const offer: Offer = { providers: ['local'], defaultAgent: 'demo', allowLocalRepos: true };
const input = { repoUrl, prompt: 'Fix the tests that fail on the build server' };
const orm = await createOrm(databaseUrl, { poolSize: connections });
const workspace = await ownersWorkspace(orm.em.fork() as EntityManager);
const pool = new Pool({ connectionString: databaseUrl, max: connections });

const throughTasks = () => createTask(orm.em.fork() as EntityManager, workspace.id, offer, input);

const byRawPg = async () => {
  // Catches the statement on its way to the database.
  const sent: { sql: string; params: unknown[] }[] = [];
  const execute = async (sql: string, params: unknown[]) => {
    sent.push({ sql, params });
    return [{ id: '', name: '', created_at: new Date(0) }];
  };
  await createTask({ execute } as unknown as EntityManager, workspace.id, offer, input);
  for (const { sql, params } of sent) {
    let n = 0;
    await pool.query(
      sql.replaceAll('?', () => `$${++n}`),
      params,
    );
  }
};

const selectOne = () => pool.query('select 1');

async function measure(work: () => Promise<unknown>) {
  const until = async (end: number) => {
    const latencies: number[] = [];
    while (performance.now() < end) {
      const began = performance.now();
      await work();
      latencies.push(performance.now() - began);
    }
    return latencies;
  };
  const during = async (ms: number) => {
    const end = performance.now() + ms;
    return (await Promise.all(Array.from({ length: connections }, () => until(end)))).flat();
  };
  await during(1_000);
  const latencies = await during(seconds * 1_000);
  return { ...spreadOf(latencies), perSecond: latencies.length / seconds };
}

finish({
  tasks: await measure(throughTasks),
  raw: await measure(byRawPg),
  selectOne: await measure(selectOne),
});
