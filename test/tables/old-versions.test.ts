import { MikroORM } from '@mikro-orm/postgresql';
import { runMigrations } from 'graphile-worker';
import { Client, type Pool } from 'pg';
import { expect, it } from 'vitest';
import { ConnectionPool } from '../../src/db/connection-pool.ts';
import { migrate } from '../../src/tables/migrate.ts';
import { migrationNames, ormOptions } from '../../src/tables/orm.ts';
import { createTaskState } from '../../src/tasks/domain/task-state.ts';
import { readRevisions } from '../../src/tasks/store/task-feed.ts';
import { findTask, pageTasks } from '../../src/tasks/store/view/task-queries.ts';
import { createEmptyDatabase } from '../support/database.ts';
import { StoredTasks } from '../support/stored-tasks.ts';
import { waitFor } from '../support/wait-for.ts';

/** The last one of the last release: CONTRIBUTING.md says when it moves. */
const lastReleased = 'migration-005-sandbox-location';

const at = '2026-11-01T00:00:00.000Z';
const idOf = (kind: string, number: number) => `${kind}_01${String(number).padStart(24, '0')}`;
const state = JSON.stringify(
  createTaskState({ at, title: 'Old', branchName: null, sessionId: idOf('session', 1), agent: 'demo' }),
);

/** What processes of the last release write, with the columns that they know. */
function writesOfRelease(number: number): [text: string, values: unknown[]][] {
  const [task, project] = [idOf('task', number), idOf('project', number)];
  const workspace = '(select id from workspace limit 1)';
  return [
    [
      `insert into project (id, workspace_id, repo_url, name, created_at) values ($1, ${workspace}, $2, 'p', $3)`,
      [project, `https://example.com/${number}`, at],
    ],
    [
      `insert into task (id, workspace_id, project_id, repo_url, prompt, provider, agent, base_ref, revision, status, state,
         created_at, updated_at, wake_at)
       values ($1, ${workspace}, $2, 'https://example.com/1', 'Mend', 'local', 'demo', null, 1, 'init_enqueue_provision', $3, $4, $4, now())`,
      [task, project, state, at],
    ],
    [
      `insert into task_event (id, task_id, revision, kind, status, step, error, state, at)
       values ($1, $2, 1, 'task.created', 'init_enqueue_provision', null, null, $3, $4)`,
      [idOf('event', number), task, state, at],
    ],
    [
      'insert into session (id, task_id, prompt) values ($1, $2, $3)',
      [idOf('session', number), task, 'Mend'],
    ],
    [
      `insert into idempotency_key (workspace_id, key, input_hash, object_id) values (${workspace}, $1, 'hash', $2)`,
      [`key ${number}`, task],
    ],
    [
      `insert into sandbox (key, task_id, provider, state, location) values ($1, $2, 'local', 'requested', null)
       on conflict (key) do update set state = 'requested', location = excluded.location, updated_at = now()`,
      [`key-${number}`, task],
    ],
    [
      `insert into worker (id, pool_ids, host, pid, process_start) values ($1, '{}', 'host', 1, '1')`,
      [`worker ${number}`],
    ],
    [
      `update task set revision = 2, status = 'canceled', epoch = epoch + 1, leased_by = null where id = $1`,
      [task],
    ],
    [
      `insert into task_event (id, task_id, revision, kind, status, state, at) values ($1, $2, 2, 'task.canceled', 'canceled', $3, $4)`,
      [idOf('event', number + 500), task, state, at],
    ],
  ];
}

it('processes of the last release go on after the migrations of this version, and each version reads what the other wrote', async () => {
  const database = await createEmptyDatabase();
  const pool = new ConnectionPool({ url: database.url, size: 2 });
  const write = async (number: number) => {
    for (const [text, values] of writesOfRelease(number)) await pool.query(text, values);
  };
  const name = new URL(database.url).pathname.slice(1);
  const orm = await MikroORM.init(ormOptions({ pool, target: { database: name, schema: 'public' } }));
  await runMigrations({ pgPool: pool });
  await orm.migrator.up({ to: lastReleased });
  await write(1);
  const before = await shapeOf(pool);

  await migrate(database.url);
  expect(migrationNames.indexOf(lastReleased)).toBeGreaterThan(0);
  const after = await shapeOf(pool);
  // A column that an old process reads or writes keeps its name and type, and it need not know of any other.
  for (const [column, type] of before.columns)
    expect([column, after.columns.get(column)]).toEqual([column, type]);
  expect([...after.required].filter((column) => before.tables.has(column.split('.')[0] ?? ''))).toEqual([
    ...before.required,
  ]);
  // What an old process may write stays allowed: no constraint is new on a table that it knows.
  for (const constraint of after.constraints) {
    if (before.tables.has(constraint.split(':')[0] ?? '')) expect(before.constraints).toContain(constraint);
  }
  await write(2);
  const stored = await StoredTasks.connect(database.url);
  for (const number of [1, 2]) {
    const task = await findTask(stored.view, idOf('task', number));
    expect(task).toMatchObject({ revision: 2, state: { title: 'Old' } });
    const [revisions] = await readRevisions(stored.db, [
      { task: task as NonNullable<typeof task>, after: 0 },
    ]);
    expect(revisions?.map(({ revision }) => revision)).toEqual([1, 2]);
  }
  // Each finds what the other one stores.
  expect(await found(stored, 'old mend')).toEqual([idOf('task', 2), idOf('task', 1)]);
  await stored.create({ title: 'Young', prompt: 'Mend' });
  const searched = await pool.query(
    `select from task where words @@ plainto_tsquery('simple', 'young mend')`,
  );
  expect(searched.rows).toHaveLength(1);
  const { rows } = await pool.query('select revision from task where id = $1', [(await stored.create()).id]);
  expect(rows).toEqual([{ revision: 1 }]);

  await stored[Symbol.asyncDispose]();
  await orm.close(true);
  await pool.end();
  await database.drop();
});

it('what the version before stores while the words of all tasks are copied is found', async () => {
  const database = await createEmptyDatabase();
  const pool = new ConnectionPool({ url: database.url, size: 2 });
  const name = new URL(database.url).pathname.slice(1);
  const orm = await MikroORM.init(ormOptions({ pool, target: { database: name, schema: 'public' } }));
  await runMigrations({ pgPool: pool });
  await orm.migrator.up({ to: 'migration-016-short-list-of-words' });
  for (const [text, values] of writesOfRelease(1)) await pool.query(text, values);

  const client = new Client({ connectionString: database.url });
  await client.connect();
  await client.query('begin');
  for (const [text, values] of writesOfRelease(2)) await client.query(text, values);
  await client.query(
    `update task set revision = 3, state = jsonb_set(state, '{title}', '"Renamed"') where id = $1`,
    [idOf('task', 1)],
  );
  await client.query(
    `insert into task_event (id, task_id, revision, kind, status, state, at) values ($1, $2, 3, 'task.named', 'canceled', $3, $4)`,
    [idOf('event', 999), idOf('task', 1), state, at],
  );
  const migrated = migrate(database.url);
  await waitFor(async () => {
    const { rows } = await client.query(
      `select from pg_locks where relation = 'task'::regclass and not granted`,
    );
    return rows.length > 0;
  });
  // Others read on meanwhile: a second at most, they wait too.
  await pool.query('select from task');
  await client.query('commit');
  await migrated;

  const stored = await StoredTasks.connect(database.url);
  expect(await found(stored, 'old')).toEqual([idOf('task', 2)]);
  expect(await found(stored, 'renamed')).toEqual([idOf('task', 1)]);
  expect(await found(stored, 'mend')).toEqual([idOf('task', 2), idOf('task', 1)]);
  await stored[Symbol.asyncDispose]();
  await client.end();
  await orm.close(true);
  await pool.end();
  await database.drop();
});

const found = async (stored: StoredTasks, search: string) =>
  (await pageTasks(stored.view, { search }, { first: 10 })).nodes.map(({ id }) => id);

interface Shape {
  readonly tables: ReadonlySet<string>;
  /** The type of each, by table and name. */
  readonly columns: ReadonlyMap<string, string>;
  /** Columns that an insert has to name. */
  readonly required: ReadonlySet<string>;
  /** Checks and unique indexes, as PostgreSQL spells them. */
  readonly constraints: ReadonlySet<string>;
}

async function shapeOf(pool: Pool): Promise<Shape> {
  const columns = await pool.query(
    `select table_name || '.' || column_name as name, data_type,
       is_nullable = 'NO' and column_default is null and is_identity = 'NO' as required
     from information_schema.columns where table_schema = 'public' order by 1`,
  );
  const constraints = await pool.query(
    `select conrelid::regclass || ': ' || pg_get_constraintdef(oid) as text from pg_constraint
     where connamespace = 'public'::regnamespace and contype in ('c', 'f') and conrelid <> 0
     union select indrelid::regclass || ': ' || regexp_replace(pg_get_indexdef(indexrelid), '.* USING ', '') from pg_index
     where indisunique and indrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)`,
  );
  const rows = columns.rows as { name: string; data_type: string; required: boolean }[];
  return {
    tables: new Set(rows.map(({ name }) => name.split('.')[0] ?? '')),
    columns: new Map(rows.map(({ name, data_type }) => [name, data_type])),
    required: new Set(rows.filter(({ required }) => required).map(({ name }) => name)),
    constraints: new Set(constraints.rows.map(({ text }) => text)),
  };
}
