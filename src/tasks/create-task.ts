import { describeRefusal, parseRepoUrl, type RepoUrl } from '../repository/repo-url.ts';
import { IdempotencyConflictError, InvalidInputError, QuotaExceededError } from './domain/errors.ts';
import { newId } from './domain/id.ts';
import type { Task } from './domain/task.ts';
import { createTaskState } from './domain/task-state.ts';
import { type CreateTaskInput, createTaskInput, parseInput } from './input.ts';
import { findIdempotentResult, hashInput } from './store/idempotency-keys.ts';
import { insertTask, type NewTask, workspaceHasRoom } from './store/insert-task.ts';
import { readTaskAt } from './store/view/task-queries.ts';
import { View } from './store/view/view.ts';

/** What this installation offers to tasks, and what a task gets that names nothing. */
export interface TaskDefaults {
  /** The first is the default. */
  readonly providers: readonly [string, ...string[]];
  readonly defaultAgent: string;
  /** Whether a repository may be a path on the server. */
  readonly allowLocalRepos: boolean;
  /** Living tasks of one workspace. Left out: no limit. */
  readonly maxActiveTasks?: number | undefined;
}

/**
 * Stores the task with its project, its first session, its first event and its job, in one statement, and returns it at
 * revision 1. The same idempotency key with the same input returns the task that it made before. Throws InvalidInputError,
 * QuotaExceededError, and IdempotencyConflictError, the latter also once the task of the key was deleted.
 */
export async function createTask(
  view: View,
  defaults: TaskDefaults,
  rawInput: CreateTaskInput,
): Promise<Task> {
  const db = View.databaseOf(view);
  const maxActive = defaults.maxActiveTasks;
  const { workspaceId } = view;
  const input = parseInput(createTaskInput, rawInput);
  const repo = parseRepoInput(input.repoUrl, defaults.allowLocalRepos);
  const provider = input.provider ?? defaults.providers[0];
  if (!defaults.providers.includes(provider)) {
    throw new InvalidInputError(`The provider is not one of ${defaults.providers.join(', ')}.`, {
      field: 'provider',
    });
  }
  const at = db.clock.now();
  const agent = input.agent ?? defaults.defaultAgent;
  const sessionId = newId('session');
  const task: NewTask = {
    id: newId('task', at),
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
  const project = { repoUrl: repo.canonical, name: repo.name };
  const key = input.idempotencyKey;
  const inputHash = key === null ? '' : hashInput('createTask', input);
  const newKey = key === null ? null : { workspaceId, key, inputHash, objectId: task.id };

  for (;;) {
    const earlierId = key === null ? null : await findIdempotentResult(db, workspaceId, key, inputHash);
    if (earlierId !== null) {
      const earlier = await readTaskAt(view, earlierId, 1);
      if (earlier) return earlier;
      throw new IdempotencyConflictError('The task that was created with this idempotency key was deleted.', {
        field: 'idempotencyKey',
      });
    }
    const inserted = await insertTask(db, task, project, newKey, view.actor, maxActive);
    if (inserted) return inserted;
    if (maxActive !== undefined && !(await workspaceHasRoom(db, workspaceId, maxActive))) {
      throw new QuotaExceededError(
        `The workspace has as many tasks as it may have: at most ${maxActive} that are neither CANCELED nor ARCHIVED.`,
      );
    }
    // Another call used the key, or created the project, at the same moment: by now it is visible.
  }
}

function parseRepoInput(repoUrl: string, allowLocal: boolean): RepoUrl {
  const repo = parseRepoUrl(repoUrl);
  if (!repo) {
    throw new InvalidInputError(describeRefusal(repoUrl), { field: 'repoUrl' });
  }
  if (repo.local && !allowLocal) {
    throw new InvalidInputError('This server takes no repositories of its own file system.', {
      field: 'repoUrl',
    });
  }
  return repo;
}
