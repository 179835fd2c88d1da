import { isConnectionError } from '../db/connection-error.ts';
import { retryWhileUnavailable } from '../db/retry.ts';
import type { Logger } from '../log.ts';
import { runEvery } from '../run-every.ts';
import type { Database } from '../tables/database.ts';
import { InvalidInputError, NotFoundError } from '../tasks/domain/errors.ts';
import { isId } from '../tasks/domain/id.ts';
import type { Task } from '../tasks/domain/task.ts';
import { type RevisionRange, readChangesSince, readRevisions, readTasks } from '../tasks/store/task-feed.ts';
import { findProject } from '../tasks/store/task-queries.ts';
import type { Listener } from '../tasks/store/wake-up-listener.ts';
import { BatchedReads } from './batched-reads.ts';
import { ListTopic } from './list-topic.ts';
import type { Subscription } from './subscription.ts';
import { TaskTopic } from './task-topic.ts';

/** What clients watch. The same object is given to all subscribers of a revision. */
export interface Hub {
  start(): Promise<void>;
  stop(): Promise<void>;
  /**
   * Each revision of the task after that one, in order, once; without one, first the task as it is now. Throws
   * NotFoundError, and InvalidInputError for a revision that there is not.
   */
  watchTask(workspaceId: string, id: string, afterRevision: number | null): Promise<Subscription<Task>>;
  /** Each task of the list when it is created or changes. Throws NotFoundError for a project that there is not. */
  watchTasks(workspaceId: string, projectId: string | null): Promise<Subscription<Task>>;
}

/** Tasks in one read. */
const tasksAtOnce = 500;
/** Pages of up to a hundred revisions in one read. */
const pagesAtOnce = 10;

const nameOfPage = ({ task, after }: RevisionRange) => `${task.id} ${after}`;
const noSuchTask = () => new NotFoundError('there is no such task', { field: 'id' });

/** Milliseconds between looks at what has changed, in case that no wake-up came. */
const pollMs = 1_000;

/**
 * Serves all subscribers of this process from the event table. A wake-up only says that there is something to read; while
 * one read is under way the next ones gather, so that a busy database costs fewer and larger reads.
 */
export function createHub(options: { db: Database; listener: Listener; logger: Logger }): Hub {
  const { db, listener, logger } = options;
  const stopping = new AbortController();
  const topics = new Map<string, TaskTopic>();
  const lists = new Map<string, ListTopic>();
  const dirtyTopics = new Set<TaskTopic>();
  const dirtyTasks = new Set<string>();
  const evictableTopics = new Set<TaskTopic>();
  let reading: Promise<void> | undefined;
  let cursor: string | null = null;
  let polling: Promise<void> = Promise.resolve();
  let unsubscribe = () => {};

  /** Tasks as they are when somebody comes to watch them. */
  const initialTasks = new BatchedReads<string, Task>({
    keyOf: (id) => id,
    readMany: async (ids) => new Map((await readTasks(db, ids)).map((task) => [task.id, task])),
    maxBatch: tasksAtOnce,
    signal: stopping.signal,
  });
  /** For those who are further behind than what is at hand. */
  const pages = new BatchedReads<RevisionRange, readonly Task[]>({
    keyOf: nameOfPage,
    readMany: async (lacks) => {
      const read = await readRevisions(db, lacks);
      return new Map(lacks.map((lack, index) => [nameOfPage(lack), read[index] ?? []]));
    },
    maxBatch: pagesAtOnce,
    signal: stopping.signal,
  });

  const listsOf = (workspaceId: string, projectId: string) =>
    [lists.get(workspaceId), lists.get(`${workspaceId} ${projectId}`)].filter((list) => list !== undefined);

  function changed(change: {
    taskId: string;
    revision: number;
    workspaceId: string;
    projectId: string;
  }): void {
    const { taskId, revision } = change;
    const topic = topics.get(taskId);
    topic?.announce(revision);
    if (topic?.gap) dirtyTopics.add(topic);
    const listed = lists.size > 0 ? listsOf(change.workspaceId, change.projectId) : [];
    if (listed.some((list) => list.isNewer(taskId, revision))) dirtyTasks.add(taskId);
    readWhatIsDirty();
  }

  function readWhatIsDirty(): void {
    if (dirtyTopics.size > 0 || dirtyTasks.size > 0) reading ??= read();
  }

  async function read(): Promise<void> {
    try {
      while ((dirtyTopics.size > 0 || dirtyTasks.size > 0) && !stopping.signal.aborted) {
        await Promise.all([readDirtyTopics(), readDirtyTasks()]);
      }
    } catch (error) {
      // What is still marked is read after the next wake-up, or by the next poll.
      logger[isConnectionError(error) ? 'debug' : 'error']({ err: error }, 'could not read what has changed');
    } finally {
      reading = undefined;
    }
  }

  async function readDirtyTopics(): Promise<void> {
    if (dirtyTopics.size === 0) return;
    const wanted = [...dirtyTopics].slice(0, tasksAtOnce).flatMap((topic) => topic.gap ?? []);
    const pages = await readRevisions(db, wanted);
    for (const [index, page] of pages.entries()) {
      const topic = topics.get((wanted[index] as RevisionRange).task.id);
      if (!topic) continue;
      for (const revision of page) topic.publish(revision);
      if (page.length === 0) topic.discardAnnouncement();
      else evictableTopics.add(topic);
    }
    for (const topic of dirtyTopics) if (!topic.gap) dirtyTopics.delete(topic);
  }

  async function readDirtyTasks(): Promise<void> {
    if (dirtyTasks.size === 0) return;
    // Not all at once: who watches takes what is published before more is.
    const ids = [...dirtyTasks].slice(0, tasksAtOnce);
    const tasks = await readTasks(db, ids);
    for (const id of ids) dirtyTasks.delete(id);
    for (const task of tasks) {
      for (const list of listsOf(task.workspaceId, task.project.id)) list.publish(task);
    }
  }

  function enterTopic(id: string): TaskTopic {
    let topic = topics.get(id);
    if (!topic) {
      const made = new TaskTopic({ readRevisions: readPage }, () => {
        topics.delete(id);
        dirtyTopics.delete(made);
        evictableTopics.delete(made);
      });
      topics.set(id, made);
      topic = made;
    }
    topic.retain();
    return topic;
  }

  async function readPage(task: Task, after: number): Promise<readonly Task[]> {
    return (await pages.read({ task, after })) ?? [];
  }

  const isWatched = () => topics.size > 0 || lists.size > 0;

  async function poll(): Promise<void> {
    // Who comes to watch later begins with the task as it is then; unless he comes while this look is under way.
    const watched = isWatched();
    const since = await readChangesSince(db, watched ? cursor : null);
    if (watched || !isWatched()) cursor = since.cursor;
    for (const change of since.changes) changed(change);
    // Also what an earlier read could not get.
    readWhatIsDirty();
    for (const topic of evictableTopics) if (!topic.evict()) evictableTopics.delete(topic);
    for (const list of lists.values()) list.evict();
  }

  function onPollError(error: unknown): void {
    logger[isConnectionError(error) ? 'debug' : 'error']({ err: error }, 'could not look for changes');
  }

  return {
    async start() {
      unsubscribe = listener.subscribe({
        wakeUp: changed,
        reconnected: () => void poll().catch(onPollError),
      });
      await poll();
      polling = runEvery(pollMs, stopping.signal, poll, onPollError);
    },

    async stop() {
      stopping.abort();
      unsubscribe();
      await Promise.all([polling, reading]);
    },

    async watchTask(workspaceId, id, afterRevision) {
      if (!isId('task', id)) throw noSuchTask();
      // From here on the topic hears of changes, so that none falls between the read and the subscription.
      const topic = enterTopic(id);
      try {
        const task = await initialTasks.read(id);
        if (task?.workspaceId !== workspaceId) throw noSuchTask();
        if (afterRevision !== null && (afterRevision < 0 || afterRevision > task.revision)) {
          throw new InvalidInputError(
            `afterRevision is not from 0 to ${task.revision}, the newest revision`,
            {
              field: 'afterRevision',
            },
          );
        }
        topic.seed(task);
        const subscription = topic.subscribe(task, afterRevision ?? task.revision - 1);
        if (topic.gap) dirtyTopics.add(topic);
        readWhatIsDirty();
        return subscription;
      } catch (error) {
        topic.release();
        throw error;
      }
    },

    async watchTasks(workspaceId, projectId) {
      if (projectId !== null) {
        const project = await retryWhileUnavailable(
          () => findProject(db, workspaceId, projectId),
          stopping.signal,
        );
        if (!project) throw new NotFoundError('there is no such project', { field: 'projectId' });
      }
      const key = projectId === null ? workspaceId : `${workspaceId} ${projectId}`;
      let list = lists.get(key);
      if (!list) {
        list = new ListTopic(() => lists.delete(key));
        lists.set(key, list);
      }
      return list.subscribe();
    },
  };
}
