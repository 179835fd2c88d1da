import type { z } from 'zod';
import { describeRefusal, parseRepoUrl, type RepoUrl } from '../repository/repo-url.ts';
import type { Database } from '../tables/database.ts';
import { currentTraceparent } from '../tracing/tracing.ts';
import { IdempotencyConflictError, InvalidInputError, QuotaExceededError } from './domain/errors.ts';
import { newId } from './domain/id.ts';
import type { Task } from './domain/task.ts';
import { createTaskState } from './domain/task-state.ts';
import { type CreateTaskInput, createTaskInput, parseInput } from './input.ts';
import { findIdempotentResult, hashInput } from './store/idempotency-keys.ts';
import { type NewTask, TaskInserts } from './store/task-inserts.ts';
import { readTaskAt } from './store/view/task-queries.ts';
import type { View } from './store/view/view.ts';

/** What this installation offers to tasks, and what a task gets that names nothing. */
export interface TaskDefaults {
  /** The first is the default. */
  readonly providers: readonly [string, ...string[]];
  readonly defaultAgent: string;
  /** Whether a repository may be a path on the server. */
  readonly allowLocalRepos: boolean;
  /** The most tasks of one workspace that are neither CANCELED nor ARCHIVED. Left out: no limit. */
  readonly maxActiveTasks?: number | undefined;
}

/** Creates the tasks of one API server: those that are created at the same moment share a statement. */
export class TaskCreator {
  readonly #db: Database;
  readonly #defaults: TaskDefaults;
  readonly #inserts: TaskInserts;

  /** `onRun` is called with the number of tasks of each statement. */
  constructor(db: Database, defaults: TaskDefaults, onRun?: (count: number) => void) {
    this.#db = db;
    this.#defaults = defaults;
    this.#inserts = new TaskInserts(db, defaults.maxActiveTasks, onRun);
  }

  /**
   * Stores the task with its project, its first session, its first event and its job, in one statement, and returns it at
   * revision 1. The same idempotency key with the same input returns the task that it made before. Throws InvalidInputError,
   * QuotaExceededError, and IdempotencyConflictError, the latter also once the task of the key was deleted. An aborted signal
   * ends the wait for the statement.
   */
  async create(view: View, rawInput: CreateTaskInput, signal?: AbortSignal): Promise<Task> {
    const { workspaceId } = view;
    const input = parseInput(createTaskInput, rawInput);
    const repo = parseRepoInput(input.repoUrl, this.#defaults.allowLocalRepos);
    const task = this.#newTask(workspaceId, repo, input);
    const project = { repoUrl: repo.canonical, name: repo.name };
    const key = input.idempotencyKey;
    const inputHash = key === null ? '' : hashInput('createTask', input);
    const idempotencyKey = key === null ? null : { key, inputHash };

    for (;;) {
      const earlierId =
        key === null ? null : await findIdempotentResult(this.#db, workspaceId, key, inputHash);
      if (earlierId !== null) {
        const earlier = await readTaskAt(view, earlierId, 1);
        if (earlier) return earlier;
        throw new IdempotencyConflictError(
          'The task that was created with this idempotency key was deleted.',
          {
            field: 'idempotencyKey',
          },
        );
      }
      const inserted = await this.#inserts.add({ task, project, idempotencyKey, actor: view.actor }, signal);
      if (inserted) return inserted;
      if (!(await this.#inserts.hasRoom(workspaceId))) {
        throw new QuotaExceededError(
          `The workspace has as many tasks as it may have: at most ${this.#defaults.maxActiveTasks} that are neither CANCELED nor ARCHIVED.`,
        );
      }
      // Another call used the key, created the project, or gave up a place, at the same moment: by now it is visible.
    }
  }

  #newTask(workspaceId: string, repo: RepoUrl, input: z.output<typeof createTaskInput>): NewTask {
    const { providers, defaultAgent } = this.#defaults;
    const provider = input.provider ?? providers[0];
    if (!providers.includes(provider)) {
      throw new InvalidInputError(`The provider is not one of ${providers.join(', ')}.`, {
        field: 'provider',
      });
    }
    const at = this.#db.clock.now();
    const agent = input.agent ?? defaultAgent;
    const sessionId = newId('session');
    return {
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
      state: createTaskState({
        at,
        title: input.title,
        branchName: input.branchName,
        sessionId,
        agent,
        traceparent: currentTraceparent(),
      }),
    };
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
