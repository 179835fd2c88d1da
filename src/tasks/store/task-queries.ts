import type { Database } from '../../tables/database.ts';
import { ProjectEntity, WorkspaceEntity } from '../../tables/entities.ts';
import { InvalidInputError } from '../domain/errors.ts';
import { isId } from '../domain/id.ts';
import { type Page, type PageArguments, pageOf, type Range, rangeOf } from '../domain/pagination.ts';
import type { TaskStatus } from '../domain/status.ts';
import type { Project, Session, Task, TaskEvent } from '../domain/task.ts';
import { eventColumns, eventOfTask, query, taskColumns, toTask, toTaskEvent } from './task-rows.ts';

// What may be seen of a workspace. Each read names the workspace, so that another's object is a missing one.

export interface TaskFilter {
  readonly status?: readonly TaskStatus[] | null | undefined;
  readonly projectId?: string | null | undefined;
  readonly search?: string | null | undefined;
}

export async function findTask(db: Database, workspaceId: string, id: string): Promise<Task | null> {
  if (!isId('task', id)) return null;
  const [row] = await query(
    db,
    `select ${taskColumns} from task t join project p on p.id = t.project_id where t.id = ? and t.workspace_id = ?`,
    [id, workspaceId],
  );
  return row ? toTask(row) : null;
}

/** The task as it was at a revision; null when there is no such revision. */
export async function readTaskAt(db: Database, id: string, revision: number): Promise<Task | null> {
  const [row] = await query(
    db,
    `select ${taskColumns}, ${eventColumns} from task_event e join task t on t.id = e.task_id
     join project p on p.id = t.project_id where e.task_id = ? and e.revision = ?`,
    [id, revision],
  );
  return row ? toTaskEvent(row).task : null;
}

/** Newest first. */
export async function pageTasks(
  db: Database,
  workspaceId: string,
  filter: TaskFilter,
  page: PageArguments,
): Promise<Page<Task>> {
  const range = rangeOf(page);
  const where = ['t.workspace_id = ?'];
  const params: unknown[] = [workspaceId];
  if (filter.projectId != null) {
    where.push('t.project_id = ?');
    params.push(isId('project', filter.projectId) ? filter.projectId : '');
  }
  if (filter.status) {
    where.push('t.status in (select jsonb_array_elements_text(?::jsonb))');
    params.push(JSON.stringify(filter.status));
  }
  if (filter.search != null) {
    if (filter.search.trim() === '') throw new InvalidInputError('search is empty', { field: 'search' });
    where.push(`t.words @@ plainto_tsquery('simple', ?)`);
    params.push(filter.search.replaceAll('\0', ' ').toWellFormed());
  }
  const { sql, values } = keyset('t.id', range, 'desc');
  const rows = await query(
    db,
    `select ${taskColumns} from task t join project p on p.id = t.project_id where ${where.join(' and ')} ${sql}`,
    [...params, ...values],
  );
  return pageOf(rows.map(toTask), range, (task) => task.id);
}

/** Oldest first. */
export async function pageEvents(db: Database, task: Task, page: PageArguments): Promise<Page<TaskEvent>> {
  const range = rangeOf(page);
  const { sql, values } = keyset('e.revision', range, 'asc');
  const rows = await query(db, `select ${eventColumns} from task_event e where e.task_id = ? ${sql}`, [
    task.id,
    ...values,
  ]);
  const events = rows.map((row) => eventOfTask(task, row));
  return pageOf(events, range, (event) => String(event.revision));
}

/** Newest first. */
export async function pageProjects(
  db: Database,
  workspaceId: string,
  page: PageArguments,
): Promise<Page<Project>> {
  const range = rangeOf(page);
  const rows = await db.em().find(
    ProjectEntity,
    {
      workspace: workspaceId,
      $and: [
        range.after === null ? {} : { id: { $lt: range.after } },
        range.before === null ? {} : { id: { $gt: range.before } },
      ],
    },
    { orderBy: { id: range.fromEnd ? 'asc' : 'desc' }, limit: range.limit + 1 },
  );
  return pageOf(rows.map(projectOf), range, (project) => project.id);
}

export async function findProject(db: Database, workspaceId: string, id: string): Promise<Project | null> {
  if (!isId('project', id)) return null;
  const row = await db.em().findOne(ProjectEntity, { id, workspace: workspaceId });
  return row && projectOf(row);
}

function projectOf(row: {
  id: string;
  workspace: string;
  repoUrl: string;
  name: string;
  createdAt: Date;
}): Project {
  return {
    id: row.id,
    workspaceId: row.workspace,
    repoUrl: row.repoUrl,
    name: row.name,
    createdAt: row.createdAt.toISOString(),
  };
}

export async function findSession(
  db: Database,
  workspaceId: string,
  id: string,
): Promise<TaskSession | null> {
  if (!isId('session', id)) return null;
  const [row] = await query(
    db,
    `select ${taskColumns} from session s join task t on t.id = s.task_id join project p on p.id = t.project_id
     where s.id = ? and t.workspace_id = ?`,
    [id, workspaceId],
  );
  if (!row) return null;
  return sessionOf(toTask(row), id);
}

/** A session with the task that it belongs to. */
export type TaskSession = Session & { readonly task: Task };

export function sessionsOf(task: Task): TaskSession[] {
  return task.state.sessions.map((session) => ({ ...session, task }));
}

export function sessionOf(task: Task, id: string): TaskSession | null {
  const session = task.state.sessions.find((each) => each.id === id);
  return session ? { ...session, task } : null;
}

/** What a session begins with; empty when it was given nothing. */
export async function readSessionPrompt(db: Database, id: string): Promise<string> {
  const [row] = await query(db, 'select prompt from session where id = ?', [id]);
  return (row?.prompt as string | null | undefined) ?? '';
}

export async function findEvent(db: Database, workspaceId: string, id: string): Promise<TaskEvent | null> {
  if (!isId('event', id)) return null;
  const [row] = await query(
    db,
    `select ${taskColumns}, ${eventColumns} from task_event e join task t on t.id = e.task_id
     join project p on p.id = t.project_id where e.id = ? and t.workspace_id = ?`,
    [id, workspaceId],
  );
  return row ? toTaskEvent(row) : null;
}

export interface Workspace {
  readonly id: string;
  readonly name: string;
}

/** The workspace of the owner: the first one, made with the database. */
export async function ownersWorkspace(db: Database): Promise<Workspace> {
  const [workspace] = await db.em().find(WorkspaceEntity, {}, { orderBy: { id: 'asc' }, limit: 1 });
  if (!workspace) throw new Error('the database has no workspace; was it migrated?');
  return { id: workspace.id, name: workspace.name };
}

/** One row more than the page holds: it says whether there are others. Keys, never offsets: a page costs its own rows. */
function keyset(column: string, range: Range, order: 'asc' | 'desc'): { sql: string; values: unknown[] } {
  const values: unknown[] = [];
  let sql = '';
  const cast = column === 'e.revision' ? '::int' : '';
  const bound = (operator: '<' | '>', key: string | null) => {
    if (key === null) return;
    sql += ` and ${column} ${operator} ?${cast}`;
    values.push(cast && !/^\d{1,9}$/.test(key) ? '0' : key);
  };
  bound(order === 'asc' ? '>' : '<', range.after);
  bound(order === 'asc' ? '<' : '>', range.before);
  const ascending = (order === 'asc') !== range.fromEnd;
  sql += ` order by ${column} ${ascending ? 'asc' : 'desc'} limit ${range.limit + 1}`;
  return { sql, values };
}
