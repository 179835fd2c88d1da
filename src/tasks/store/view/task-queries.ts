import { type Expression, sql } from 'kysely';
import { InvalidInputError } from '../../domain/errors.ts';
import { isId } from '../../domain/id.ts';
import { type Page, type PageArguments, pageOf, type Range, rangeOf } from '../../domain/pagination.ts';
import type { TaskStatus } from '../../domain/status.ts';
import type { Project, Task, TaskEvent } from '../../domain/task.ts';
import { sessionOf, type TaskSession } from '../../domain/task-session.ts';
import { eventColumns, toTask, toTaskEvent, toTimestamp } from '../task-rows.ts';
import { anyOf } from '../values-apart.ts';
import { pageOfIds, pageOfSearch } from './task-ids.ts';
import type { View } from './view.ts';

// What may be seen. Each read begins with the view, so that what is another workspace's is missing.

export interface TaskFilter {
  readonly status?: readonly TaskStatus[] | null | undefined;
  readonly projectId?: string | null | undefined;
  readonly search?: string | null | undefined;
}

/** The tasks of these ids that the workspace has, in no order. */
export async function findTasks(view: View, ids: readonly string[]): Promise<Task[]> {
  const rows = await view.tasks().where('task.id', '=', anyOf(ids)).execute();
  return rows.map(toTask);
}

export async function findTask(view: View, id: string): Promise<Task | null> {
  if (!isId('task', id)) return null;
  const row = await view.tasks().where('task.id', '=', id).executeTakeFirst();
  return row ? toTask(row) : null;
}

/** The task as it was at a revision; null when that revision does not exist. */
export async function readTaskAt(view: View, id: string, revision: number): Promise<Task | null> {
  const row = await view
    .events()
    .where('task_event.task_id', '=', id)
    .where('task_event.revision', '=', revision)
    .executeTakeFirst();
  return row ? toTaskEvent(toTask(row), row).task : null;
}

/** A page of the workspace's tasks, newest first. */
export async function pageTasks(view: View, filter: TaskFilter, page: PageArguments): Promise<Page<Task>> {
  const range = rangeOf(page);
  const { projectId } = filter;
  const project = projectId == null ? undefined : sql<string>`${projectId}`;
  const rows = await selectTaskPage(view, filter, range, project).execute();
  return pageOf(rows.map(toTask), range, (task) => task.id);
}

/** For each of these projects of the workspace a page of its tasks, newest first: one statement for all. */
export async function pageTasksOfProjects(
  view: View,
  projectIds: readonly string[],
  filter: Omit<TaskFilter, 'projectId'>,
  page: PageArguments,
): Promise<Page<Task>[]> {
  const range = rangeOf(page);
  const rows = await view
    .placesOf(projectIds)
    .innerJoinLateral(
      (eb) => selectTaskPage(view, filter, range, eb.ref('parent.id')).as('task'),
      (join) => join.onTrue(),
    )
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
function selectTaskPage(view: View, filter: TaskFilter, range: Range, project?: Expression<string>) {
  const { search } = filter;
  if (search != null && search.trim() === '') {
    throw new InvalidInputError('The search must not be empty.', { field: 'search' });
  }
  if (search != null && search.length > maxSearchLength) {
    throw new InvalidInputError(`The search must have at most ${maxSearchLength} characters.`, {
      field: 'search',
    });
  }
  const words = search?.replaceAll('\0', ' ').toWellFormed();
  const rows = range.limit + 1;
  const list = { view, status: filter.status ?? undefined, project, range };
  const found = words === undefined ? pageOfIds(list, rows) : pageOfSearch(words, list, rows);
  return view
    .tasks()
    .innerJoin(found.as('found'), 'found.id', 'task.id')
    .orderBy('task.id', range.fromEnd ? 'asc' : 'desc');
}

/** For each of these tasks a page of its events, oldest first: one statement for all. */
export async function pageEventsOfTasks(
  view: View,
  tasks: readonly Task[],
  page: PageArguments,
): Promise<Page<TaskEvent>[]> {
  const range = rangeOf(page);
  const order = range.fromEnd ? 'desc' : 'asc';
  const rows = await view
    .tasksAt(tasks.map(({ id }) => id))
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
export async function pageProjects(view: View, page: PageArguments): Promise<Page<Project>> {
  const range = rangeOf(page);
  const rows = await view
    .projects()
    .$if(range.after !== null, (query) => query.where('project.id', '<', range.after))
    .$if(range.before !== null, (query) => query.where('project.id', '>', range.before))
    .orderBy('project.id', range.fromEnd ? 'asc' : 'desc')
    .limit(range.limit + 1)
    .execute();
  return pageOf(rows.map(toProject), range, (project) => project.id);
}

/** The projects of these ids that the workspace has, in no order. */
export async function findProjects(view: View, ids: readonly string[]): Promise<Project[]> {
  const rows = await view.projects().where('project.id', '=', anyOf(ids)).execute();
  return rows.map(toProject);
}

export async function findProject(view: View, id: string): Promise<Project | null> {
  if (!isId('project', id)) return null;
  const [project] = await findProjects(view, [id]);
  return project ?? null;
}

function toProject(row: {
  id: string;
  workspace_id: string;
  repo_url: string;
  name: string;
  created_at: string;
}): Project {
  return {
    id: row.id,
    workspaceId: row.workspace_id,
    repoUrl: row.repo_url,
    name: row.name,
    createdAt: toTimestamp(row.created_at),
  };
}

/** The sessions of these ids that the workspace has, in no order. */
export async function findSessions(view: View, ids: readonly string[]): Promise<TaskSession[]> {
  const rows = await view
    .tasks()
    .innerJoin('session', 'session.task_id', 'task.id')
    .select('session.id as session_id')
    .where('session.id', '=', anyOf(ids))
    .execute();
  return rows.flatMap((row) => sessionOf(toTask(row), row.session_id) ?? []);
}

export async function findSession(view: View, id: string): Promise<TaskSession | null> {
  if (!isId('session', id)) return null;
  const [session] = await findSessions(view, [id]);
  return session ?? null;
}

/** The events of these ids that the workspace has, in no order. */
export async function findEvents(view: View, ids: readonly string[]): Promise<TaskEvent[]> {
  const rows = await view.events().where('task_event.id', '=', anyOf(ids)).execute();
  return rows.map((row) => toTaskEvent(toTask(row), row));
}
