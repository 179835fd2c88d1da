import { Client } from 'pg';

/** How much is stored, and how it is spread. All is a share of `tasks`, so that a filter finds as much whatever the size. */
export interface Amount {
  readonly tasks: number;
  readonly eventsPerTask: number;
}

/** Tasks that have the same rare word, or the same project, however many there are. */
export const tasksOfWord = 40;
export const tasksOfProject = 100;
/** One task in so many has something in its transcript: so many items. */
export const tasksPerTranscript = 10;
const itemsOfTranscript = 10;
/** Tasks that failed, and tasks that run, among those that have ended, however many there are. */
const failedTasks = 40;
const livingTasks = 200;
/** Tasks that one statement stores. */
const slice = 20_000;

/** The ids that the statements below make: valid ones, older than those of all new tasks. */
export const idOf = (type: string, number: number) => `${type}_01${String(number).padStart(24, '0')}`;

const id = (type: string, number: string) => `'${type}_01' || lpad((${number})::text, 24, '0')`;

/**
 * Stores tasks that have ended, and a few that run or failed, each with its session, its prompt, its
 * sandbox and its events; `model` is a task that was made and got ready as all others are. Checks and triggers are off
 * meanwhile, and the statistics are up to date afterwards.
 */
export async function fill(
  url: string,
  { tasks, eventsPerTask }: Amount,
  model: string,
  progress: (tasks: number) => void = () => {},
): Promise<void> {
  const client = new Client(url);
  await client.connect();
  try {
    await client.query(
      `set session_replication_role = replica; set synchronous_commit = off; set work_mem = '64MB'`,
    );
    await client.query(
      `insert into project (id, workspace_id, repo_url, name, created_at)
       select ${id('project', 'n')}, (select id from workspace limit 1), 'https://example.com/p/' || n, 'p' || n, now()
       from generate_series(0, ${Math.ceil(tasks / tasksOfProject)} - 1) n`,
    );
    for (let from = 0; from < tasks; from += slice) {
      const to = Math.min(from + slice, tasks) - 1;
      for (const statement of statements(tasks, eventsPerTask))
        await client.query(statement, [model, from, to]);
      progress(to + 1);
    }
    await client.query('vacuum analyze');
  } finally {
    await client.end();
  }
}

function statements(tasks: number, eventsPerTask: number): string[] {
  const numbers = `generate_series($2::int, $3::int) n`;
  const model = `(select * from task where id = $1) model`;
  const every = (some: number) => Math.max(1, Math.floor(tasks / some));
  const status = `case when n % ${every(failedTasks)} = 0 then 'error' when n % ${every(livingTasks)} = 0 then 'running'
    when n % 3 = 0 then 'archived' else 'canceled' end`;
  return [
    `insert into task (id, workspace_id, project_id, repo_url, prompt, provider, agent, base_ref, revision, status, state,
       created_at, updated_at)
     select ${id('task', 'n')}, model.workspace_id, ${id('project', `n / ${tasksOfProject}`)},
       'https://example.com/p/' || n / ${tasksOfProject},
       'Fix the tests of the module common and of rare' || n % ${Math.max(1, Math.ceil(tasks / tasksOfWord))},
       model.provider, model.agent, null, ${eventsPerTask}, ${status},
       model.state || jsonb_build_object('status', ${status}, 'title', 'Task ' || n), now() - interval '30 days', now() - interval '29 days'
     from ${numbers} cross join ${model}`,
    `insert into task_search (task_id, words)
     select id, strip(to_tsvector('simple', coalesce(state ->> 'title', '') || ' ' || prompt))
     from task where id between ${id('task', '$2::int')} and ${id('task', '$3::int')} and $1 <> ''`,
    `insert into task_event (id, task_id, revision, kind, status, state, at)
     select ${id('event', `n::bigint * ${eventsPerTask} + event.number`)}, ${id('task', 'n')}, event.number,
       'task.status_changed', model.status, model.state, now() - interval '30 days'
     from ${numbers} cross join generate_series(1, ${eventsPerTask}) event (number) cross join ${model}`,
    `insert into session (id, task_id, prompt) select ${id('session', 'n')}, ${id('task', 'n')}, 'Fix the tests'
     from ${numbers} where $1 <> ''`,
    `insert into prompt (id, session_id, number, text, state, created_at)
     select ${id('prompt', 'n')}, ${id('session', 'n')}, 1, 'Fix the tests', 'done', now() from ${numbers} where $1 <> ''`,
    `insert into sandbox (key, task_id, provider, state)
     select 'bench-' || n, ${id('task', 'n')}, 'instant', case when ${status} = 'running' then 'requested' else 'released' end
     from ${numbers} where $1 <> ''`,
    `insert into idempotency_key (workspace_id, key, input_hash, object_id)
     select model.workspace_id, 'bench-' || n, 'none', ${id('task', 'n')} from ${numbers} cross join ${model}`,
    `insert into conversation (session_id, task_id, is_open, connection, sequence, position)
     select ${id('session', 'n')}, ${id('task', 'n')}, false, '{}', ${itemsOfTranscript}, ${itemsOfTranscript}
     from ${numbers} where $1 <> ''`,
    `insert into transcript_item (session_id, position, id, sequence, kind, data, text, is_complete, created_at, updated_at)
     select ${id('session', 'n')}, position, ${id('item', `n::bigint * ${itemsOfTranscript} + position`)}, position,
       'agent_text', '{}', repeat('What the agent says. ', 10), true, now(), now()
     from ${numbers} cross join generate_series(1, ${itemsOfTranscript}) position
     where n % ${tasksPerTranscript} = 0 and $1 <> ''`,
  ];
}
