import {
  type AnyVariables,
  Client,
  fetchExchange,
  subscriptionExchange,
  type TypedDocumentNode,
} from '@urql/core';
import { createClient as createSocket } from 'graphql-ws';
import { groundcrewCache } from './cache.ts';
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
import { resumable } from './resume.ts';
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
  /** An API token, or what gives one: asked anew for each request and each connection, so it may change. */
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
  /** Ends all subscriptions, and closes the socket. */
  close(): Promise<void>;
}

/** Milliseconds. */
const firstRetryMs = 100;
const maxRetryMs = 3_000;
const pingMs = 10_000;

/** A typed client of the API, for browsers and for Node 22 or later. */
export function createGroundcrew(options: GroundcrewOptions): Groundcrew {
  const endpoint = new URL('/graphql', options.url);
  const token = async () => (typeof options.token === 'string' ? options.token : options.token());
  const authorization = async () => `Bearer ${await token()}`;
  const lists = refetchExchange();

  let connectedBefore = false;
  let unanswered: ReturnType<typeof setTimeout> | undefined;
  const socket = createSocket({
    url: Object.assign(new URL(endpoint), { protocol: endpoint.protocol.replace('http', 'ws') }).href,
    connectionParams: async () => ({ authorization: await authorization() }),
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: async (retries) => {
      const backoff = Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(retries, 20));
      await new Promise((resolve) => setTimeout(resolve, backoff * (0.5 + Math.random() / 2)));
    },
    keepAlive: pingMs,
    on: {
      connected: (_socket, _payload, wasRetry) => {
        if (wasRetry && connectedBefore) lists.refetch();
        connectedBefore = true;
      },
      // A connection that has gone silent gives no event: without an answer to a ping it is given up.
      ping: (received) => {
        if (!received) unanswered = setTimeout(() => socket.terminate(), pingMs);
      },
      pong: (received) => {
        if (received) clearTimeout(unanswered);
      },
      closed: () => clearTimeout(unanswered),
    },
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
          subscribe(sink) {
            const { payload, accept } = resumable({ query, variables: variables as Record<string, unknown> });
            const unsubscribe = socket.subscribe(payload, {
              ...sink,
              next: (result) => {
                if (accept(result)) sink.next(result as never);
              },
            });
            return { unsubscribe };
          },
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
        socket,
        TaskUpdatedDocument,
        { id, afterRevision: afterRevision ?? null },
        (data) => data.taskUpdated,
        signal,
      ),
    watchTasks: ({ projectId, signal } = {}) =>
      watch(
        socket,
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
    close: async () => {
      await socket.dispose();
    },
  };
  return groundcrew;
}
