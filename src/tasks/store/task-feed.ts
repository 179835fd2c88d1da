import type { Database } from '../../tables/database.ts';
import type { Task } from '../domain/task.ts';
import { eventColumns, eventOfTask, json, query, type Row, taskColumns, toTask } from './task-rows.ts';

// What a process reads to serve those who watch: by revision, from the event table, for many tasks at once.

/** Revisions in one read; a reader that is further behind reads again. */
export const feedPageSize = 100;

/** Revisions of a task that somebody lacks: those after that one. */
export interface RevisionRange {
  readonly task: Task;
  readonly after: number;
}

/**
 * For each, the task as it was at each revision after that one, oldest first; up to a page of them. All in one query, and in
 * the order of what is wanted.
 */
export async function readRevisions(db: Database, wanted: readonly RevisionRange[]): Promise<Task[][]> {
  const rows = await query(
    db,
    `select wanted.place, ${eventColumns}
     from jsonb_to_recordset(?::jsonb) as wanted(place int, id text, after int)
     cross join lateral (
       select * from task_event where task_id = wanted.id and revision > wanted.after
       order by revision limit ${feedPageSize}
     ) e
     order by wanted.place, e.revision`,
    [JSON.stringify(wanted.map(({ task, after }, place) => ({ place, id: task.id, after })))],
  );
  const pages: Task[][] = wanted.map(() => []);
  for (const row of rows) {
    const place = row.place as number;
    pages[place]?.push(eventOfTask((wanted[place] as RevisionRange).task, row).task);
  }
  return pages;
}

/** The tasks as they are now. */
export async function readTasks(db: Database, ids: readonly string[]): Promise<Task[]> {
  const rows = await query(
    db,
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
 * The cursor is what could be seen then: PostgreSQL's own snapshot. Ids, times and sequences won't do, for they become
 * visible in another order than they are given. Without a cursor says only where to begin.
 */
export async function readChangesSince(db: Database, cursor: string | null): Promise<ChangesSince> {
  const [row] = await query(
    db,
    `select pg_current_snapshot()::text as cursor, (
       select json_agg(json_build_object('taskId', c.task_id, 'revision', c.revision,
         'workspaceId', t.workspace_id, 'projectId', t.project_id))
       from (
         select task_id, max(revision) as revision from task_event
         where xid >= pg_snapshot_xmin(?::pg_snapshot) and not pg_visible_in_snapshot(xid, ?::pg_snapshot)
         group by task_id
       ) c join task t on t.id = c.task_id
     ) as changes`,
    [cursor, cursor],
  );
  const { cursor: next, changes } = row as Row;
  return { cursor: next as string, changes: (json(changes) ?? []) as ChangesSince['changes'] };
}
