import { Client } from 'pg';
import { startBenchDatabase } from '../bench-database.ts';
import type { Figure } from '../figure.ts';
import { lengthOf } from '../length.ts';
import { isInterrupted } from '../load-process.ts';

// What row-level security would cost as a second wall between workspaces: docs/decisions/0008-no-row-level-security.md.

const read = {
  name: 'read-task',
  text: `select task.id, task.state, project.name from task join project on project.id = task.project_id
    where task.id = $1 and task.workspace_id = $2`,
};
const page = {
  name: 'read-page',
  text: `select task.id, task.state, project.name from task join project on project.id = task.project_id
    where task.workspace_id = $2 and task.id <= $1 order by task.id desc limit 50`,
};
const setWorkspace = { name: 'set-workspace', text: `select set_config('groundcrew.workspace', $1, true)` };

export async function benchRowSecurity(): Promise<Figure[]> {
  await using database = await startBenchDatabase();
  const ids = await database.createTasks(lengthOf({ full: 500, short: 20 }));
  await using parts = new AsyncDisposableStack();
  const connect = async (user?: string) => {
    const url = new URL(database.url);
    if (user !== undefined) Object.assign(url, { username: user, password: user });
    const client = parts.adopt(new Client({ connectionString: url.href }), (each) => each.end());
    await client.connect();
    return client;
  };
  const admin = await connect();
  for (const table of ['task', 'project']) {
    await admin.query(`alter table ${table} enable row level security`);
    await admin.query(
      `create policy own on ${table} using (workspace_id = current_setting('groundcrew.workspace', true))`,
    );
  }
  for (const [role, options] of [
    ['open', 'bypassrls'],
    ['walled', ''],
  ]) {
    await admin.query(`create role ${role} login password '${role}' ${options}`);
    await admin.query(`grant usage on schema public to ${role}; grant select on task, project to ${role}`);
  }
  const { rows } = await admin.query<{ id: string }>('select id from workspace');
  const workspace = rows[0]?.id as string;
  const open = await connect('open');
  const walled = await connect('walled');
  // The policy alone, which is a lower bound: a session that serves one workspace for ever.
  const pinned = await connect('walled');
  await pinned.query(`select set_config('groundcrew.workspace', $1, false)`, [workspace]);

  const ways = (statement: typeof read) => {
    const values = (turn: number) => [ids[turn % ids.length], workspace];
    return {
      open: (turn: number) => open.query({ ...statement, values: values(turn) }),
      pinned: (turn: number) => pinned.query({ ...statement, values: values(turn) }),
      // What a pool costs whose connections serve all workspaces: the setting must end with the transaction.
      walled: async (turn: number) => {
        await walled.query('begin');
        await walled.query({ ...setWorkspace, values: [workspace] });
        await walled.query({ ...statement, values: values(turn) });
        await walled.query('commit');
      },
    };
  };
  const figures: Figure[] = [];
  for (const [name, statement] of Object.entries({ 'a task': read, 'a page of 50': page })) {
    const spreads = await measure(ways(statement));
    for (const [way, what] of [
      ['pinned', 'read with a policy'],
      ['walled', 'read with a policy and its workspace set'],
    ] as const) {
      figures.push({
        suite: 'row-security',
        name: `${name} ${what}, mean`,
        unit: 'ms',
        value: spreads[way],
        floor: spreads.open,
        floorIs: 'the same statement without',
      });
    }
  }
  return figures;
}

type Way = 'open' | 'pinned' | 'walled';

/** The mean milliseconds of each way. They take turns, so that what else the machine does falls on all. */
async function measure(
  ways: Readonly<Record<Way, (turn: number) => Promise<unknown>>>,
): Promise<Record<Way, number>> {
  const latencies: Record<Way, number[]> = { open: [], pinned: [], walled: [] };
  const names = Object.keys(ways) as Way[];
  const warmUp = lengthOf({ full: 200, short: 5 });
  const turns = warmUp + lengthOf({ full: 5_000, short: 20 });
  for (let turn = 0; turn < turns && !isInterrupted(); turn += 1) {
    for (const name of names) {
      const began = performance.now();
      await ways[name](turn);
      if (turn >= warmUp) latencies[name].push(performance.now() - began);
    }
  }
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return { open: mean(latencies.open), pinned: mean(latencies.pinned), walled: mean(latencies.walled) };
}
