import { CompiledQuery } from 'kysely';
import type { Database } from '../../tables/database.ts';
import type { Project, Task, TaskEvent, TaskState, Timestamp } from '../domain/task.ts';

/** A row as raw SQL gives it: timestamps are text, JSON is parsed or text. */
export type Row = Record<string, unknown>;

/** The columns of a task with its project; for raw SQL that says `from task t join project p on p.id = t.project_id`. */
export const taskColumns = `
  t.id, t.workspace_id, t.repo_url, t.prompt, t.provider, t.agent, t.base_ref, t.created_at, t.revision, t.updated_at,
  t.state, p.id as project_id, p.repo_url as project_repo_url, p.name as project_name, p.created_at as project_created_at`;

export function toTask(row: Row): Task {
  return {
    id: row.id as string,
    workspaceId: row.workspace_id as string,
    project: toProject(row),
    repoUrl: row.repo_url as string,
    prompt: row.prompt as string,
    provider: row.provider as string,
    agent: row.agent as string,
    baseRef: row.base_ref as string | null,
    createdAt: timestamp(row.created_at),
    revision: row.revision as number,
    updatedAt: timestamp(row.updated_at),
    state: json(row.state) as TaskState,
  };
}

function toProject(row: Row): Project {
  return {
    id: row.project_id as string,
    workspaceId: row.workspace_id as string,
    repoUrl: row.project_repo_url as string,
    name: row.project_name as string,
    createdAt: timestamp(row.project_created_at),
  };
}

/** The columns of an event beside those of its task; for raw SQL that says `task_event e`. */
export const eventColumns = `
  e.id as event_id, e.revision as event_revision, e.kind, e.status, e.step, e.error, e.state as event_state, e.at`;

/** An event, with the task as it was at that revision. */
export function toTaskEvent(row: Row): TaskEvent {
  return eventOfTask(toTask(row), row);
}

/** An event of a task whose fixed part is known already. */
export function eventOfTask(task: Task, row: Row): TaskEvent {
  const revision = row.event_revision as number;
  const at = timestamp(row.at);
  return {
    id: row.event_id as string,
    revision,
    kind: row.kind as string,
    status: row.status as TaskEvent['status'],
    step: row.step as TaskEvent['step'],
    error: json(row.error) as TaskEvent['error'],
    at,
    task: { ...task, revision, updatedAt: at, state: json(row.event_state) as TaskState },
  };
}

export function timestamp(value: unknown): Timestamp {
  return (value instanceof Date ? value : new Date(value as string)).toISOString();
}

export function json(value: unknown): unknown {
  return typeof value === 'string' ? JSON.parse(value) : value;
}

const texts = new Map<string, string>();

/** `?` becomes `$1`, `$2`, …: our SQL is put together of parts that don't know their numbers. */
function numbered(sql: string): string {
  let text = texts.get(sql);
  if (text === undefined) {
    let count = 0;
    text = sql.replaceAll('?', () => `$${++count}`);
    texts.set(sql, text);
  }
  return text;
}

/** Runs a statement of ours, with bound parameters: it is planned once for each connection. */
export async function query(db: Database, sql: string, params: unknown[]): Promise<Row[]> {
  const { rows } = await db.kysely.executeQuery(CompiledQuery.raw(numbered(sql), params));
  return rows as Row[];
}
