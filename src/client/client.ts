import {
  type AnyVariables,
  Client,
  fetchExchange,
  subscriptionExchange,
  type TypedDocumentNode,
} from '@urql/core';
import { groundcrewCache } from './cache.ts';
import { openConnection } from './connection.ts';
import { fromCombinedError, type Task, TaskNotReadyError } from './errors.ts';
import {
  ArchiveTaskDocument,
  CancelTaskDocument,
  CreateSessionDocument,
  type CreateSessionInput,
  type CreateSessionMutation,
  CreateTaskDocument,
  type CreateTaskInput,
  RetryTaskDocument,
  TaskByIdDocument,
  TasksUpdatedDocument,
  TaskUpdatedDocument,
} from './generated/graphql.ts';
import { refetchExchange } from './refetch-exchange.ts';
import { watch } from './watch.ts';

// biome-ignore lint/performance/noBarrelFile: this is the package's entry `groundcrew/client`
export { GroundcrewError, type Task, TaskNotReadyError } from './errors.ts';
// For urql's hooks: the documents behind the helpers, with their types.
export {
  ArchiveTaskDocument,
  CancelTaskDocument,
  CreateSessionDocument,
  type CreateSessionInput,
  CreateTaskDocument,
  type CreateTaskInput,
  RetryTaskDocument,
  type SessionStatus,
  type StepName,
  type StepState,
  TaskByIdDocument,
  type TaskFilter,
  TaskListDocument,
  type TaskStatus,
  TasksUpdatedDocument,
  TaskUpdatedDocument,
} from './generated/graphql.ts';

export interface GroundcrewOptions {
  /** The server, as it says itself: `http://127.0.0.1:4000`. */
  readonly url: string;
  /**
   * An API token, or what gives one: asked anew for each request and each connection, so it may change. Of a token that
   * cannot change, a refusal ends subscriptions with UNAUTHENTICATED; what gives one is asked for another, endlessly.
   */
  readonly token: string | (() => string | Promise<string>);
}

export interface WatchOptions {
  /** Ends the watching; the iterator is done then. */
  readonly signal?: AbortSignal;
}

export interface Groundcrew {
  /** For queries of one's own, and for urql's hooks: Graphcache, subscriptions that resume. */
  readonly urql: Client;
  createTask(input: CreateTaskInput): Promise<Task>;
  retryTask(id: string): Promise<Task>;
  cancelTask(id: string): Promise<Task>;
  archiveTask(id: string): Promise<Task>;
  createSession(input: CreateSessionInput): Promise<CreateSessionMutation['createSession']>;
  /** Null: there is no such task. */
  task(id: string): Promise<Task | null>;
  /**
   * Every revision of the task, in order, each exactly once, over as many connections as it takes. `afterRevision` 0 begins
   * with the first; without it, the task as it is now comes first.
   */
  watchTask(id: string, options?: WatchOptions & { afterRevision?: number }): AsyncIterableIterator<Task>;
  /** Every task of the workspace, or of one project, when it is created or changes. */
  watchTasks(options?: WatchOptions & { projectId?: string }): AsyncIterableIterator<Task>;
  /** Resolves once the task is RUNNING. Rejects with TaskNotReadyError when it is ERROR, CANCELED or ARCHIVED. */
  whenReady(id: string, options?: WatchOptions): Promise<Task>;
  /** Ends all subscriptions, and closes the socket, whatever state the server is in. Nothing can be watched afterwards. */
  close(): Promise<void>;
}

/** A typed client of the API, for browsers and for Node 22 or later. Throws where there is no global WebSocket. */
export function createGroundcrew(options: GroundcrewOptions): Groundcrew {
  if (globalThis.WebSocket === undefined) {
    throw new Error('groundcrew/client needs a global WebSocket: a browser, or Node 22 or later');
  }
  const endpoint = new URL('/graphql', options.url);
  const token = async () => (typeof options.token === 'string' ? options.token : options.token());
  const authorization = async () => `Bearer ${await token()}`;
  const lists = refetchExchange();

  const connection = openConnection({
    endpoint,
    authorization,
    authorizationMayChange: typeof options.token !== 'string',
    onGap: lists.refetch,
  });

  const urql = new Client({
    url: endpoint.href,
    preferGetMethod: false,
    fetch: async (input, init) =>
      fetch(input, { ...init, headers: { ...init?.headers, authorization: await authorization() } }),
    exchanges: [
      groundcrewCache(),
      lists.exchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: connection.subscribe(
              { query, variables: variables as Record<string, unknown> },
              { ...sink, next: (result) => sink.next(result as never) },
            ),
          }),
        }),
      }),
    ],
  });

  async function mutate<Data, Variables extends AnyVariables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ): Promise<Data> {
    const { data, error } = await urql.mutation(document, variables).toPromise();
    if (error || !data) throw error ? fromCombinedError(error) : new Error('an answer without data');
    return data;
  }

  const groundcrew: Groundcrew = {
    urql,
    createTask: async (input) => (await mutate(CreateTaskDocument, { input })).createTask,
    retryTask: async (id) => (await mutate(RetryTaskDocument, { id })).retryTask,
    cancelTask: async (id) => (await mutate(CancelTaskDocument, { id })).cancelTask,
    archiveTask: async (id) => (await mutate(ArchiveTaskDocument, { id })).archiveTask,
    createSession: async (input) => (await mutate(CreateSessionDocument, { input })).createSession,
    async task(id) {
      const { data, error } = await urql
        .query(TaskByIdDocument, { id }, { requestPolicy: 'network-only' })
        .toPromise();
      if (error) throw fromCombinedError(error);
      return data?.task ?? null;
    },
    watchTask: (id, { afterRevision, signal } = {}) =>
      watch(
        connection,
        TaskUpdatedDocument,
        { id, afterRevision: afterRevision ?? null },
        (data) => data.taskUpdated,
        signal,
      ),
    watchTasks: ({ projectId, signal } = {}) =>
      watch(
        connection,
        TasksUpdatedDocument,
        { projectId: projectId ?? null },
        (data) => data.tasksUpdated,
        signal,
      ),
    async whenReady(id, { signal } = {}) {
      for await (const task of groundcrew.watchTask(id, signal ? { signal } : {})) {
        if (task.status === 'RUNNING') return task;
        if (task.status === 'ERROR' || task.status === 'CANCELED' || task.status === 'ARCHIVED') {
          throw new TaskNotReadyError(task);
        }
      }
      signal?.throwIfAborted();
      throw new Error('the subscription has ended');
    },
    close: () => connection.close(),
  };
  return groundcrew;
}
