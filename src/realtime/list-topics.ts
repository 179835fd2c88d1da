import { retryWhileUnavailable } from '../db/retry.ts';
import type { Database } from '../tables/database.ts';
import { NotFoundError } from '../tasks/domain/errors.ts';
import type { Task } from '../tasks/domain/task.ts';
import { onlyTaskOf, type Viewer } from '../tasks/domain/viewer.ts';
import { readTasks } from '../tasks/store/task-feed.ts';
import { findProject } from '../tasks/store/view/task-queries.ts';
import { View } from '../tasks/store/view/view.ts';
import { ListTopic } from './list-topic.ts';
import type { Subscription } from './subscription.ts';

/** In batches far smaller than a list's backlog, so that readers can drain what was published before more is. */
const maxTasksPerRead = 500;

/** Which task changed, and which lists show it. */
export interface ListedChange {
  readonly taskId: string;
  readonly revision: number;
  readonly workspaceId: string;
  readonly projectId: string;
}

/** A list's key: of a workspace, or of one project or one task of it. */
const keyOf = (workspaceId: string, part: string | null) =>
  part === null ? workspaceId : `${workspaceId} ${part}`;

/** The task lists that are watched in this process: of a workspace, of one project of it, or of a task token. */
export class ListTopics {
  readonly #db: Database;
  readonly #signal: AbortSignal;
  readonly #topics = new Map<string, ListTopic>();
  /** The ids of tasks whose newest revision a watched list lacks. */
  readonly #unread = new Set<string>();

  /** Reads are retried until the signal aborts. */
  constructor(db: Database, signal: AbortSignal) {
    this.#db = db;
    this.#signal = signal;
  }

  get isWatched(): boolean {
    return this.#topics.size > 0;
  }

  /** Whether changes were announced and not read. */
  get hasUnread(): boolean {
    return this.#unread.size > 0;
  }

  announce({ taskId, revision, workspaceId, projectId }: ListedChange): void {
    if (this.#topicsOf(workspaceId, projectId, taskId).some((topic) => topic.isNewer(taskId, revision))) {
      this.#unread.add(taskId);
    }
  }

  /** Reads a bounded number of announced tasks, and publishes them. */
  async readUnread(): Promise<void> {
    if (this.#unread.size === 0) return;
    const ids = [...this.#unread].slice(0, maxTasksPerRead);
    // Before the read: what is announced during the read may be newer than its result, and must be read again.
    for (const id of ids) this.#unread.delete(id);
    try {
      const tasks = await retryWhileUnavailable(() => readTasks(this.#db, ids), this.#signal);
      for (const task of tasks) {
        for (const topic of this.#topicsOf(task.workspaceId, task.project.id, task.id)) topic.publish(task);
      }
    } catch (error) {
      for (const id of ids) this.#unread.add(id);
      throw error;
    }
  }

  /** Throws NotFoundError when the viewer sees no such project. */
  async subscribe(viewer: Viewer, projectId: string | null): Promise<Subscription<Task>> {
    if (projectId !== null) {
      const project = await retryWhileUnavailable(
        () => findProject(new View(this.#db, viewer), projectId),
        this.#signal,
      );
      if (!project) throw new NotFoundError('The project does not exist.', { field: 'projectId' });
    }
    // The list of a task token is its task, whatever project is asked for.
    const key = keyOf(viewer.workspace.id, onlyTaskOf(viewer) ?? projectId);
    let topic = this.#topics.get(key);
    if (!topic) {
      topic = new ListTopic(() => this.#topics.delete(key));
      this.#topics.set(key, topic);
    }
    return topic.subscribe();
  }

  /** Evicts what all subscribers have taken. Call it at regular intervals. */
  evict(): void {
    for (const topic of this.#topics.values()) topic.evict();
  }

  #topicsOf(workspaceId: string, projectId: string, taskId: string): ListTopic[] {
    if (this.#topics.size === 0) return [];
    const keys = [null, projectId, taskId].map((part) => keyOf(workspaceId, part));
    return keys.flatMap((key) => this.#topics.get(key) ?? []);
  }
}
