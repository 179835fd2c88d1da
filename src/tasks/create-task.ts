import { parseRepoUrl, type RepoUrl } from '../repository/repo-url.ts';
import type { Database } from '../tables/database.ts';
import { InvalidInputError } from './domain/errors.ts';
import { newId } from './domain/id.ts';
import type { Task } from './domain/task.ts';
import { createTaskState } from './domain/task-state.ts';
import { type CreateTaskInput, createTaskInput, parseInput } from './input.ts';
import { addProvisionJobSql } from './store/change-task.ts';
import { findIdempotentResult, hashInput, insertKeySql } from './store/idempotency-keys.ts';
import { readTaskAt } from './store/task-queries.ts';
import { query, timestamp } from './store/task-rows.ts';
import { notifySql } from './store/wake-up.ts';

/** What this installation offers to tasks. */
export interface TaskDefaults {
  /** The first is the default. */
  readonly providers: readonly [string, ...string[]];
  readonly defaultAgent: string;
  readonly allowLocalRepos: boolean;
}

/**
 * Stores the task with its project, its first session, its first event and its job, in one statement, and returns it at
 * revision 1. The same idempotency key with the same input returns the task that it made before.
 */
export async function createTask(
  db: Database,
  workspaceId: string,
  offer: TaskDefaults,
  rawInput: CreateTaskInput,
): Promise<Task> {
  const input = parseInput(createTaskInput, rawInput);
  const repo = parseRepoInput(input.repoUrl, offer.allowLocalRepos);
  const provider = input.provider ?? offer.providers[0];
  if (!offer.providers.includes(provider)) {
    throw new InvalidInputError(`there is no provider of that name; there is ${offer.providers.join(', ')}`, {
      field: 'provider',
    });
  }
  const at = new Date().toISOString();
  const agent = input.agent ?? offer.defaultAgent;
  const sessionId = newId('session');
  const draft: Draft = {
    id: newId('task'),
    workspaceId,
    repoUrl: repo.url,
    prompt: input.prompt,
    provider,
    agent,
    baseRef: input.baseRef,
    createdAt: at,
    revision: 1,
    updatedAt: at,
    state: createTaskState({ at, title: input.title, branchName: input.branchName, sessionId, agent }),
  };
  const key = input.idempotencyKey;
  const inputHash = key === null ? '' : hashInput('createTask', input);

  for (;;) {
    const existing = key === null ? null : await findIdempotentResult(db, workspaceId, key, inputHash);
    const made = existing === null ? null : await readTaskAt(db, existing, 1);
    if (made) return made;
    const task = await insert(db, draft, repo, key === null ? null : { key, inputHash });
    if (task) return task;
    // Somebody else used the key, or created the project, at the same moment: by now it can be seen.
  }
}

function parseRepoInput(repoUrl: string, allowLocal: boolean): RepoUrl {
  const repo = parseRepoUrl(repoUrl);
  if (!repo) {
    throw new InvalidInputError(
      'repoUrl is not the URL of a git repository: https, ssh or scp-like without a password, or an absolute path',
      { field: 'repoUrl' },
    );
  }
  if (repo.local && !allowLocal) {
    throw new InvalidInputError('this server takes no repositories of its own file system', {
      field: 'repoUrl',
    });
  }
  return repo;
}

type Draft = Omit<Task, 'project'>;

/** Null: the key is used already, or the project came into being at the same moment. Nothing was stored then. */
async function insert(
  db: Database,
  draft: Draft,
  repo: RepoUrl,
  claim: { key: string; inputHash: string } | null,
): Promise<Task | null> {
  const { id, workspaceId, createdAt, state } = draft;
  const params: unknown[] = [];
  const bind = (...values: unknown[]) => params.push(...values);

  // Reads before it inserts: a no-op update would make all tasks of one project wait for each other.
  bind(workspaceId, repo.canonical, newId('project'), workspaceId, repo.canonical, repo.name, createdAt);
  if (claim) bind(workspaceId, claim.key, claim.inputHash, id);
  bind(id, workspaceId, draft.repoUrl, draft.prompt, draft.provider, draft.agent, draft.baseRef);
  bind(state.status, JSON.stringify(state), createdAt, createdAt, createdAt);
  bind(state.sessions[0].id, newId('event'), null);

  const [row] = await query(
    db,
    `with existing as (
       select * from project where workspace_id = ? and repo_url = ?
     ), inserted as (
       insert into project (id, workspace_id, repo_url, name, created_at)
       select ?, ?, ?, ?, ?::timestamptz where not exists (select from existing)
       on conflict do nothing returning *
     ), project_of_task as (
       select * from existing union all select * from inserted
     ), ${claim ? `${insertKeySql('project_of_task')},` : ''} changed as (
       insert into task (id, workspace_id, project_id, repo_url, prompt, provider, agent, base_ref, revision, status,
         state, created_at, updated_at, wake_at)
       select ?, ?, project_of_task.id, ?, ?, ?, ?, ?, 1, ?, ?::jsonb, ?::timestamptz, ?::timestamptz, ?::timestamptz
       from project_of_task ${claim ? ', claimed' : ''}
       returning *
     ), first_session as (
       insert into session (id, task_id, prompt) select ?, id, prompt from changed
     ), event as (
       insert into task_event (id, task_id, revision, kind, status, state, at)
       select ?, id, revision, 'task.created', status, state, created_at from changed
     )
     select ${notifySql}, ${addProvisionJobSql}, project_of_task.*
     from changed, project_of_task`,
    params,
  );
  if (!row) return null;
  return {
    ...draft,
    project: {
      id: row.id as string,
      workspaceId,
      repoUrl: repo.canonical,
      name: row.name as string,
      createdAt: timestamp(row.created_at),
    },
  };
}
