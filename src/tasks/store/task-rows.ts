import type { Selectable } from 'kysely';
import type { Database } from '../../tables/database.ts';
import type { Tables } from '../../tables/tables.ts';
import type { TaskEventKind } from '../domain/machine-event.ts';
import type { Task, TaskEvent, Timestamp } from '../domain/task.ts';
import { ownerActor, systemActor } from '../domain/viewer.ts';

/** A task with its project: the columns that every read of a task selects. */
const taskColumns = [
  'task.id',
  'task.workspace_id',
  'task.repo_url',
  'task.prompt',
  'task.provider',
  'task.agent',
  'task.base_ref',
  'task.created_at',
  'task.revision',
  'task.updated_at',
  'task.state',
  'task.project_id',
  'project.repo_url as project_repo_url',
  'project.name as project_name',
  'project.created_at as project_created_at',
] as const;

/** An event without its task. `state` is the task's from then on. */
export const eventColumns = [
  'task_event.id as event_id',
  'task_event.task_id as event_task_id',
  'task_event.revision as event_revision',
  'task_event.kind as event_kind',
  'task_event.status as event_status',
  'task_event.step as event_step',
  'task_event.error as event_error',
  'task_event.state as event_state',
  'task_event.at as event_at',
  'task_event.actor as event_actor',
] as const;

type TaskTable = Selectable<Tables['task']>;
type ProjectTable = Selectable<Tables['project']>;
type EventTable = Selectable<Tables['task_event']>;

export type TaskRow = Pick<
  TaskTable,
  | 'id'
  | 'workspace_id'
  | 'repo_url'
  | 'prompt'
  | 'provider'
  | 'agent'
  | 'base_ref'
  | 'created_at'
  | 'revision'
  | 'updated_at'
  | 'state'
  | 'project_id'
> & {
  readonly project_repo_url: ProjectTable['repo_url'];
  readonly project_name: ProjectTable['name'];
  readonly project_created_at: ProjectTable['created_at'];
};

export type EventRow = {
  readonly [C in Exclude<keyof EventTable, 'xid'> as `event_${C}`]: EventTable[C];
};

/** What an event says of its task. */
export type RevisionRow = Pick<EventRow, 'event_revision' | 'event_state' | 'event_at'>;

/** Tasks, each with its project: what every read of tasks begins with. */
export function selectTasks(db: Database) {
  return db.kysely
    .selectFrom('task')
    .innerJoin('project', 'project.id', 'task.project_id')
    .select(taskColumns);
}

/** Events, each with its task and its project. */
export function selectEvents(db: Database) {
  return db.kysely
    .selectFrom('task_event')
    .innerJoin('task', 'task.id', 'task_event.task_id')
    .innerJoin('project', 'project.id', 'task.project_id')
    .select([...taskColumns, ...eventColumns]);
}

export function toTask(row: TaskRow): Task {
  return {
    id: row.id,
    workspaceId: row.workspace_id,
    project: {
      id: row.project_id,
      workspaceId: row.workspace_id,
      repoUrl: row.project_repo_url,
      name: row.project_name,
      createdAt: toTimestamp(row.project_created_at),
    },
    repoUrl: row.repo_url,
    prompt: row.prompt,
    provider: row.provider,
    agent: row.agent,
    baseRef: row.base_ref,
    createdAt: toTimestamp(row.created_at),
    revision: row.revision,
    updatedAt: toTimestamp(row.updated_at),
    state: row.state,
  };
}

/** The event of a task whose fixed part is known. */
export function toTaskEvent(task: Task, row: EventRow): TaskEvent {
  const taskThen = toTaskAt(task, row);
  return {
    id: row.event_id,
    revision: row.event_revision,
    kind: row.event_kind,
    status: row.event_status,
    step: row.event_step,
    error: row.event_error,
    at: taskThen.updatedAt,
    actor: row.event_actor ?? actorBefore(row.event_kind),
    task: taskThen,
  };
}

/** The task as it was at a revision. */
export function toTaskAt(task: Task, row: RevisionRow): Task {
  return {
    ...task,
    revision: row.event_revision,
    updatedAt: toTimestamp(row.event_at),
    state: row.event_state,
  };
}

/** Who made a revision that was written before actors were stored: then only the owner could ask for anything. */
function actorBefore(kind: TaskEventKind): string {
  return kindsOnRequest.has(kind) ? ownerActor : systemActor;
}

const kindsOnRequest: ReadonlySet<TaskEventKind> = new Set([
  'task.created',
  'task.retried',
  'task.canceled',
  'task.archived',
  'session.created',
]);

/** The driver gives an instant as text, in PostgreSQL's ISO style. */
export function toTimestamp(text: string): Timestamp {
  return new Date(text).toISOString();
}
