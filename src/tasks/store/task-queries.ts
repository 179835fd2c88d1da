import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { ProjectEntity, SessionEntity, WorkspaceEntity } from '../../tables/entities.ts';
import { InvalidInputError } from '../domain/errors.ts';
import { isId } from '../domain/id.ts';
import { type Page, type PageArguments, pageOf, type Range, rangeOf } from '../domain/pagination.ts';
import type { TaskStatus } from '../domain/status.ts';
import type { Project, Task, TaskEvent } from '../domain/task.ts';
import { sessionOf, type TaskSession } from '../domain/task-session.ts';
import { eventColumns, selectEvents, selectTasks, toTask, toTaskEvent } from './task-rows.ts';

// What may be seen of a workspace. Each read names the workspace, so that another's object is a missing one.

export interface TaskFilter {
  readonly status?: readonly TaskStatus[] | null | undefined;
  readonly projectId?: string | null | undefined;
  readonly search?: string | null | undefined;
}

/** The tasks of these ids that the workspace has, in no order. */
export async function findTasks(db: Database, workspaceId: string, ids: readonly string[]): Promise<Task[]> {
  const rows = await selectTasks(db)
    .where('task.id', '=', sql<string>`any(${ids})`)
    .where('task.workspace_id', '=', workspaceId)
    .execute();
  return rows.map(toTask);
}

export async function findTask(db: Database, workspaceId: string, id: string): Promise<Task | null> {
  if (!isId('task', id)) return null;
  const row = await selectTasks(db)
    .where('task.id', '=', id)
    .where('task.workspace_id', '=', workspaceId)
    .executeTakeFirst();
  return row ? toTask(row) : null;
}

/** The task as it was at a revision; null when that revision does not exist. */
export async function readTaskAt(db: Database, id: string, revision: number): Promise<Task | null> {
  const row = await selectEvents(db)
    .where('task_event.task_id', '=', id)
    .where('task_event.revision', '=', revision)
    .executeTakeFirst();
  return row ? toTaskEvent(toTask(row), row).task : null;
}

/** A page of the workspace's tasks, newest first. */
export async function pageTasks(
  db: Database,
  workspaceId: string,
  filter: TaskFilter,
  page: PageArguments,
): Promise<Page<Task>> {
  const range = rangeOf(page);
  const rows = await selectTaskPage(db, filter, range).where('task.workspace_id', '=', workspaceId).execute();
  return pageOf(rows.map(toTask), range, (task) => task.id);
}

/** For each of these projects of the workspace a page of its tasks, newest first: one statement for all. */
export async function pageTasksOfProjects(
  db: Database,
  workspaceId: string,
  projectIds: readonly string[],
  filter: TaskFilter,
  page: PageArguments,
): Promise<Page<Task>[]> {
  const range = rangeOf(page);
  const rows = await db.kysely
    .selectFrom(
      sql<{ id: string; place: number }>`unnest(${projectIds}::text[]) with ordinality`.as<'parent'>(
        sql`parent (id, place)`,
      ),
    )
    .innerJoinLateral(
      (eb) =>
        selectTaskPage(db, filter, range)
          .where('task.workspace_id', '=', workspaceId)
          .where('task.project_id', '=', eb.ref('parent.id'))
          .as('task'),
      (join) => join.onTrue(),
    )
    .select(sql<number>`parent.place::int`.as('place'))
    .selectAll('task')
    .orderBy('parent.place')
    .orderBy('task.id', range.fromEnd ? 'asc' : 'desc')
    .execute();
  return projectIds.map((_, index) =>
    pageOf(rows.filter(({ place }) => place === index + 1).map(toTask), range, (task) => task.id),
  );
}

/** Characters. PostgreSQL fails on a search of thousands of words. */
const maxSearchLength = 1_000;

/**
 * One row more than the page holds: it says whether there are others. Keys, never offsets: a page costs its own rows.
 * The limit is bound, so that the text is the same for all sizes.
 */
function selectTaskPage(db: Database, filter: TaskFilter, range: Range) {
  const { status, projectId, search } = filter;
  if (search != null && search.trim() === '') {
    throw new InvalidInputError('The search must not be empty.', { field: 'search' });
  }
  if (search != null && search.length > maxSearchLength) {
    throw new InvalidInputError(`The search must have at most ${maxSearchLength} characters.`, {
      field: 'search',
    });
  }
  const words = search?.replaceAll('\0', ' ').toWellFormed();
  return selectTasks(db)
    .$if(status != null, (query) => query.where('task.status', '=', sql<TaskStatus>`any(${status})`))
    .$if(projectId != null, (query) => query.where('task.project_id', '=', projectId ?? ''))
    .$if(words !== undefined, (query) =>
      query.where(sql<boolean>`task.words @@ plainto_tsquery('simple', ${words})`),
    )
    .$if(range.after !== null, (query) => query.where('task.id', '<', range.after))
    .$if(range.before !== null, (query) => query.where('task.id', '>', range.before))
    .orderBy('task.id', range.fromEnd ? 'asc' : 'desc')
    .limit(range.limit + 1);
}

/** For each of these tasks a page of its events, oldest first: one statement for all. */
export async function pageEventsOfTasks(
  db: Database,
  tasks: readonly Task[],
  page: PageArguments,
): Promise<Page<TaskEvent>[]> {
  const range = rangeOf(page);
  const order = range.fromEnd ? 'desc' : 'asc';
  const rows = await db.kysely
    .selectFrom(
      sql<{
        id: string;
        place: number;
      }>`unnest(${tasks.map(({ id }) => id)}::text[]) with ordinality`.as<'parent'>(sql`parent (id, place)`),
    )
    .innerJoinLateral(
      (eb) =>
        eb
          .selectFrom('task_event')
          .select(eventColumns)
          .whereRef('task_event.task_id', '=', 'parent.id')
          .$if(range.after !== null, (query) =>
            query.where('task_event.revision', '>', toRevision(range.after)),
          )
          .$if(range.before !== null, (query) =>
            query.where('task_event.revision', '<', toRevision(range.before)),
          )
          .orderBy('task_event.revision', order)
          .limit(range.limit + 1)
          .as('event'),
      (join) => join.onTrue(),
    )
    .select(sql<number>`parent.place::int`.as('place'))
    .selectAll('event')
    .orderBy('parent.place')
    .orderBy('event.event_revision', order)
    .execute();
  return tasks.map((task, index) =>
    pageOf(
      rows.filter(({ place }) => place === index + 1).map((row) => toTaskEvent(task, row)),
      range,
      (event) => String(event.revision),
    ),
  );
}

/** The revision that a cursor holds; 0, which no event has, for another list's cursor. */
function toRevision(key: string | null): number {
  return key !== null && /^\d{1,9}$/.test(key) ? Number(key) : 0;
}

/** A page of the workspace's projects, newest first. */
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
  return pageOf(rows.map(toProject), range, (project) => project.id);
}

/** The projects of these ids that the workspace has, in no order. */
export async function findProjects(
  db: Database,
  workspaceId: string,
  ids: readonly string[],
): Promise<Project[]> {
  const rows = await db.em().find(ProjectEntity, { id: { $in: ids }, workspace: workspaceId });
  return rows.map(toProject);
}

export async function findProject(db: Database, workspaceId: string, id: string): Promise<Project | null> {
  if (!isId('project', id)) return null;
  const [project] = await findProjects(db, workspaceId, [id]);
  return project ?? null;
}

function toProject(row: {
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

/** The sessions of these ids that the workspace has, in no order. */
export async function findSessions(
  db: Database,
  workspaceId: string,
  ids: readonly string[],
): Promise<TaskSession[]> {
  const rows = await selectTasks(db)
    .innerJoin('session', 'session.task_id', 'task.id')
    .select('session.id as session_id')
    .where('session.id', '=', sql<string>`any(${ids})`)
    .where('task.workspace_id', '=', workspaceId)
    .execute();
  return rows.flatMap((row) => sessionOf(toTask(row), row.session_id) ?? []);
}

export async function findSession(
  db: Database,
  workspaceId: string,
  id: string,
): Promise<TaskSession | null> {
  if (!isId('session', id)) return null;
  const [session] = await findSessions(db, workspaceId, [id]);
  return session ?? null;
}

/** What a session begins with; empty when it was given nothing. */
export async function readSessionPrompt(db: Database, id: string): Promise<string> {
  const session = await db.em().findOne(SessionEntity, { id });
  return session?.prompt ?? '';
}

/** The events of these ids that the workspace has, in no order. */
export async function findEvents(
  db: Database,
  workspaceId: string,
  ids: readonly string[],
): Promise<TaskEvent[]> {
  const rows = await selectEvents(db)
    .where('task_event.id', '=', sql<string>`any(${ids})`)
    .where('task.workspace_id', '=', workspaceId)
    .execute();
  return rows.map((row) => toTaskEvent(toTask(row), row));
}

export interface Workspace {
  readonly id: string;
  readonly name: string;
}

/** The workspace of the owner: the first one, made with the database. */
export async function ownersWorkspace(db: Database): Promise<Workspace> {
  const [workspace] = await db.em().find(WorkspaceEntity, {}, { orderBy: { id: 'asc' }, limit: 1 });
  if (!workspace) throw new Error('The database has no workspace: was it migrated?');
  return { id: workspace.id, name: workspace.name };
}
