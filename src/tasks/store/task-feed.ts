import { sql } from 'kysely';
import type { Database, Reader } from '../../tables/database.ts';
import type { Task } from '../domain/task.ts';
import { type RevisionRow, selectTasks, toTask, toTaskAt } from './task-rows.ts';
import { anyOf } from './values-apart.ts';

// What a process reads to serve subscribers: by revision, from the event table, for many tasks at once.

/** Revisions in one read; a reader that is further behind reads again. */
const feedPageSize = 100;

/** The revisions of a task after that one. */
export interface RevisionRange {
  readonly task: Task;
  readonly after: number;
}

const revisionColumns = 'revision as event_revision, state as event_state, at as event_at';

const revisionsOfOne = `
  select 0 as place, ${revisionColumns} from task_event where task_id = $1 and revision > $2
  order by revision limit ${feedPageSize}`;

// Not arrays and `unnest`: PostgreSQL estimates those by their length, and plans the statement at each execution.
const revisionsOfMany = `
  select wanted.place, event.*
  from jsonb_to_recordset($1::jsonb) as wanted (place int, id text, after int)
  cross join lateral (
    select ${revisionColumns} from task_event where task_id = wanted.id and revision > wanted.after
    order by revision limit ${feedPageSize}
  ) event
  order by wanted.place, event.event_revision`;

/**
 * For each range the task as it was at each of its revisions, oldest first, up to `feedPageSize` of them; in the order of
 * the ranges, all in one query.
 */
export async function readRevisions(db: Reader, ranges: readonly RevisionRange[]): Promise<Task[][]> {
  const rows = await readRows(db, ranges);
  const pages: Task[][] = ranges.map(() => []);
  for (const row of rows) {
    pages[row.place]?.push(toTaskAt((ranges[row.place] as RevisionRange).task, row));
  }
  return pages;
}

function readRows(
  db: Reader,
  ranges: readonly RevisionRange[],
): Promise<(RevisionRow & { place: number })[]> {
  const [first] = ranges;
  // Most reads are of one task, and cheaper without the list.
  if (first && ranges.length === 1) return db.read(revisionsOfOne, [first.task.id, first.after]);
  const wanted = ranges.map(({ task, after }, place) => ({ place, id: task.id, after }));
  return db.read(revisionsOfMany, [JSON.stringify(wanted)]);
}

/** The tasks as they are now, in no order; those that do not exist are left out. */
export async function readTasks(db: Database, ids: readonly string[]): Promise<Task[]> {
  const rows = await selectTasks(db).where('task.id', '=', anyOf(ids)).execute();
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
 * The tasks that have changed since `cursor`, with their newest revision, for a reader that may have missed wake-ups. The
 * cursor is PostgreSQL's own snapshot, that is, what was visible then. Ids, times and sequences cannot serve: they become
 * visible in another order than they are given. Without a cursor, returns only where to begin.
 */
export async function readChangesSince(db: Database, cursor: string | null): Promise<ChangesSince> {
  const { rows } = await sql<{ cursor: string; changes: ChangesSince['changes'] | null }>`
    select pg_current_snapshot()::text as cursor, (
      select json_agg(json_build_object('taskId', newest.task_id, 'revision', newest.revision,
        'workspaceId', task.workspace_id, 'projectId', task.project_id))
      from (
        select task_id, max(revision) as revision from task_event
        where xid >= pg_snapshot_xmin(${cursor}::pg_snapshot)
          and not pg_visible_in_snapshot(xid, ${cursor}::pg_snapshot)
        group by task_id
      ) newest join task on task.id = newest.task_id
    ) as changes
  `.execute(db.kysely);
  const [row] = rows;
  if (!row) throw new Error('PostgreSQL has no snapshot.');
  return { cursor: row.cursor, changes: row.changes ?? [] };
}
