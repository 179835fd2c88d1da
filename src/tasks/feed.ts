import type { EntityManager } from '@mikro-orm/postgresql';
import { eventColumns, eventOfTask, json, query, type Row, taskColumns, toTask } from './rows.ts';
import type { Task } from './task.ts';

// What a process reads to serve those who watch: by revision, from the event table, for many tasks at once.

/** Revisions in one read; a reader that is further behind reads again. */
export const feedPageSize = 100;

/** The task as it was at each revision after that one, oldest first; up to a page of them. */
export async function readRevisions(em: EntityManager, task: Task, after: number): Promise<Task[]> {
  const rows = await query(
    em,
    `select ${eventColumns} from task_event e where e.task_id = ? and e.revision > ?
     order by e.revision limit ${feedPageSize}`,
    [task.id, after],
  );
  return rows.map((row) => eventOfTask(task, row).task);
}

/** The same for many tasks in one query. A task with more new revisions than a page has the first of them. */
export async function readRevisionsOfMany(
  em: EntityManager,
  wanted: readonly { readonly task: Task; readonly after: number }[],
): Promise<Task[]> {
  const tasks = new Map(wanted.map(({ task }) => [task.id, task]));
  const rows = await query(
    em,
    `select e.task_id, ${eventColumns}
     from jsonb_to_recordset(?::jsonb) as wanted(id text, after int)
     cross join lateral (
       select * from task_event where task_id = wanted.id and revision > wanted.after
       order by revision limit ${feedPageSize}
     ) e
     order by e.task_id, e.revision`,
    [JSON.stringify(wanted.map(({ task, after }) => ({ id: task.id, after })))],
  );
  return rows.map((row) => eventOfTask(tasks.get(row.task_id as string) as Task, row).task);
}

/** The tasks as they are now. */
export async function readTasks(em: EntityManager, ids: readonly string[]): Promise<Task[]> {
  const rows = await query(
    em,
    `select ${taskColumns} from task t join project p on p.id = t.project_id
     where t.id in (select jsonb_array_elements_text(?::jsonb))`,
    [JSON.stringify(ids)],
  );
  return rows.map(toTask);
}

export interface ChangesSince {
  /** Where the next look begins. */
  readonly cursor: string;
  readonly changes: readonly {
    readonly taskId: string;
    readonly revision: number;
    readonly workspaceId: string;
    readonly projectId: string;
  }[];
}

/**
 * Which tasks have changed since the last look, with their newest revision, for a reader who can't trust that it was woken.
 * The cursor is the oldest transaction that was still open then: whatever was not visible belongs to it or to a later one.
 * Ids, times and sequences won't do, for they become visible in another order than they are given. Without a cursor, or
 * when nobody watches, says only where to begin.
 */
export async function readChangesSince(em: EntityManager, cursor: string | null): Promise<ChangesSince> {
  const [row] = await query(
    em,
    `select pg_snapshot_xmin(pg_current_snapshot())::text as cursor, (
       select json_agg(json_build_object('taskId', c.task_id, 'revision', c.revision,
         'workspaceId', t.workspace_id, 'projectId', t.project_id))
       from (
         select task_id, max(revision) as revision from task_event where xid >= ?::xid8 group by task_id
       ) c join task t on t.id = c.task_id
     ) as changes`,
    [cursor],
  );
  const { cursor: next, changes } = row as Row;
  return { cursor: next as string, changes: (json(changes) ?? []) as ChangesSince['changes'] };
}
