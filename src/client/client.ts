import {
  type AnyVariables,
  Client,
  fetchExchange,
  mapExchange,
  subscriptionExchange,
  type TypedDocumentNode,
} from '@urql/core';
import { groundcrewCache } from './cache.ts';
import { Connection, type ConnectionStatus } from './connection.ts';
import { fromCombinedError, type Task, TaskNotReadyError } from './errors.ts';
import {
  AnswerAgentRequestDocument,
  type AnswerAgentRequestInput,
  type AnswerAgentRequestMutation,
  ArchiveTaskDocument,
  CancelTaskDocument,
  CreateSessionDocument,
  type CreateSessionInput,
  type CreateSessionMutation,
  CreateTaskDocument,
  type CreateTaskInput,
  InterruptSessionDocument,
  type InterruptSessionMutation,
  RemovePromptDocument,
  type RemovePromptMutation,
  RetryTaskDocument,
  SendPromptDocument,
  type SendPromptInput,
  type SendPromptMutation,
  TaskByIdDocument,
  TasksUpdatedDocument,
  TaskUpdatedDocument,
} from './generated/graphql.ts';
import { LateAnswers } from './late-answers.ts';
import { QueryRefetcher } from './query-refetcher.ts';
import type { Transcript } from './transcript.ts';
import { watch } from './watch.ts';
import { watchTranscript } from './watch-transcript.ts';

export type { ConnectionState, ConnectionStatus } from './connection.ts';
// biome-ignore lint/performance/noBarrelFile: this is the package's entry `groundcrew/client`
export { fromCombinedError, GroundcrewError, type Task, TaskNotReadyError } from './errors.ts';
// The typed documents of the methods below, for urql's hooks.
export {
  AnswerAgentRequestDocument,
  type AnswerAgentRequestInput,
  ArchiveTaskDocument,
  CancelTaskDocument,
  CreateSessionDocument,
  type CreateSessionInput,
  CreateTaskDocument,
  type CreateTaskInput,
  InterruptSessionDocument,
  ProjectListDocument,
  type PromptState,
  ProviderListDocument,
  RemovePromptDocument,
  RetryTaskDocument,
  SendPromptDocument,
  type SendPromptInput,
  type SessionStatus,
  type StepName,
  type StepState,
  type TaskAction,
  TaskByIdDocument,
  TaskEventsDocument,
  type TaskEventsQuery,
  type TaskFilter,
  TaskListDocument,
  type TaskStatus,
  TaskSummariesDocument,
  type TaskSummaryFragment,
  TaskSummaryUpdatedDocument,
  TasksUpdatedDocument,
  TaskUpdatedDocument,
  type ToolCallStatus,
  TranscriptPageDocument,
  TranscriptUpdatedDocument,
  UndeliveredPromptsDocument,
} from './generated/graphql.ts';
export type { Transcript, TranscriptItem } from './transcript.ts';

export interface GroundcrewOptions {
  /** The server's address, as it prints it: `http://127.0.0.1:4000`. Of a longer URL only the origin is used. */
  readonly url: string;
  /**
   * An API token, or a function that returns one, which is called for each request and each connection. String: a rejected
   * token ends subscriptions with UNAUTHENTICATED. Function: called again for each retry, without limit. Default: none, for
   * a page of the API's own origin, whose visitor has signed in at `/login`.
   */
  readonly token?: string | (() => string | Promise<string>);
  /**
   * Called when the API rejects the credentials of a query, a mutation or a subscription over `urql`, in addition to the
   * operation's error. Default: nothing.
   */
  readonly onUnauthenticated?: () => void;
  /** Sends the requests of queries and mutations. Default: the global `fetch`. */
  readonly fetch?: typeof fetch;
}

/**
 * Milliseconds. The server answers within 30 seconds; a request whose answer takes longer was lost by a network that did not
 * say so.
 */
const requestTimeoutMs = 35_000;

export interface WatchOptions {
  /** Ends the watch when it aborts: the iterator is done, without an error. Default: none. */
  readonly signal?: AbortSignal;
}

export interface WatchTaskOptions extends WatchOptions {
  /**
   * The last revision that the caller has seen: each later one follows, 0 starts with the first. Default: starts with the
   * task as it is now.
   */
  readonly afterRevision?: number;
}

export interface WatchTasksOptions extends WatchOptions {
  /** Only the tasks of this project. Default: all tasks of the workspace. */
  readonly projectId?: string;
}

export interface WatchTranscriptOptions extends WatchOptions {
  /**
   * Whether to start with the end of a long transcript while its beginning is still being read; `missing` says how much that
   * is. Default: false, each value is the whole transcript.
   */
  readonly newestFirst?: boolean;
}

/**
 * Methods that return a promise reject with a GroundcrewError when the API refuses the operation or fails at it, and with the
 * code NETWORK_ERROR when no response comes, at the latest after 35 seconds; they do not retry. Watches retry until the server can be reached again. They
 * fail with a GroundcrewError only for a reason that stays, such as NOT_FOUND.
 */
export interface Groundcrew {
  /** The urql client, for other operations and for urql's hooks. It has a Graphcache, and its subscriptions resume. */
  readonly urql: Client;
  /** The state of the WebSocket that all subscriptions share, for a page that shows it. */
  readonly connection: ConnectionStatus;
  /**
   * Stores a task and returns it at once; provisioning follows in the background. A call with the same `idempotencyKey` and
   * input returns the task of the first call; with another input it rejects with IDEMPOTENCY_CONFLICT.
   */
  createTask(input: CreateTaskInput): Promise<Task>;
  /** Provisions a task in ERROR again, from the step that failed. Any other status rejects with INVALID_STATE. */
  retryTask(id: string): Promise<Task>;
  /** Stops a task, also in the middle of a step, and destroys its sandbox. An ARCHIVED task rejects with INVALID_STATE. */
  cancelTask(id: string): Promise<Task>;
  /** Archives a task in RUNNING or ERROR and destroys its sandbox. Other statuses except ARCHIVED reject with INVALID_STATE. */
  archiveTask(id: string): Promise<Task>;
  /**
   * Stores one more session of a task and returns it at once; it is opened in the background, so watch the task for its
   * status. `idempotencyKey` works as for createTask. A task in CANCELED or ARCHIVED rejects with INVALID_STATE.
   */
  createSession(input: CreateSessionInput): Promise<CreateSessionMutation['createSession']>;
  /**
   * Stores a prompt for a session and returns it; the agent gets the prompts of a session in their order, each once.
   * `state` is what it was when the server answered; the session's prompts show how it goes on. `idempotencyKey` works as for
   * createTask. A session that is ERROR or CLOSED rejects with INVALID_STATE.
   */
  sendPrompt(input: SendPromptInput): Promise<SendPromptMutation['sendPrompt']>;
  /** Takes back a prompt that is QUEUED. One that the agent has got rejects with INVALID_STATE. */
  removePrompt(id: string): Promise<RemovePromptMutation['removePrompt']>;
  /** Answers what an agent waits for. The first answer counts: a later one with another option rejects with INVALID_STATE. */
  answer(input: AnswerAgentRequestInput): Promise<AnswerAgentRequestMutation['answerAgentRequest']>;
  /**
   * Stops what the agent of a session does; prompts that are QUEUED stay. Returns at once, so watch the task for the result.
   * `promptId`: only while the agent works on that one. Default: whatever it works on.
   */
  interrupt(sessionId: string, promptId?: string): Promise<InterruptSessionMutation['interruptSession']>;
  /** Returns the task as it is now. Null when the workspace has no such task. */
  task(id: string): Promise<Task | null>;
  /**
   * Iterates over every revision of the task, in order, each exactly once, over as many connections as that takes.
   * Revisions that arrive while the caller is busy wait in memory. Ends only when the caller leaves, the signal aborts or
   * the client is closed. Throws NOT_FOUND when the workspace has no such task, and BAD_USER_INPUT for an `afterRevision`
   * that does not exist.
   */
  watchTask(id: string, options?: WatchTaskOptions): AsyncIterableIterator<Task>;
  /**
   * Iterates over every task of the workspace, or of one project, when it is created or changes. Revisions of one task that
   * follow closely may be merged: the newest always arrives, and none is followed by an older one. Starts with the next
   * change, and cannot know what changed while the connection was lost. Throws NOT_FOUND when the workspace has no such
   * project.
   */
  watchTasks(options?: WatchTasksOptions): AsyncIterableIterator<Task>;
  /**
   * Iterates over the transcript of a session: as it is now, and as it is after each change, over as many connections as that
   * takes. Changes that follow while the caller is busy are merged. At each `sequence` the items are what the server holds,
   * byte for byte. Ends only when the caller leaves, the signal aborts or the client is closed. Throws NOT_FOUND when the
   * workspace has no such session.
   */
  watchTranscript(sessionId: string, options?: WatchTranscriptOptions): AsyncIterableIterator<Transcript>;
  /**
   * Resolves once the task is RUNNING. Rejects with TaskNotReadyError when it is ERROR, CANCELED or ARCHIVED, with the
   * reason of the signal when that aborts, and with an Error when the client is closed before.
   */
  whenReady(id: string, options?: WatchOptions): Promise<Task>;
  /**
   * Ends all watches and subscriptions and closes the socket, in whatever state the server is. Later watches and
   * subscriptions fail; queries and mutations, which use HTTP, still work.
   */
  close(): Promise<void>;
}

/** Creates a typed client of the API, for browsers and for Node 22 or later. Throws when there is no global WebSocket. */
export function createGroundcrew(options: GroundcrewOptions): Groundcrew {
  if (globalThis.WebSocket === undefined) {
    throw new Error('groundcrew/client needs a global WebSocket: a browser, or Node 22 or later.');
  }
  const endpoint = new URL('/graphql', options.url);
  const { token, fetch: request = fetch } = options;
  const authorization = async (): Promise<Record<string, string>> =>
    token === undefined
      ? {}
      : { authorization: `Bearer ${typeof token === 'string' ? token : await token()}` };
  const queries = new QueryRefetcher();
  const late = new LateAnswers();

  const connection = new Connection({
    endpoint,
    authorization,
    authorizationMayChange: typeof token === 'function',
    onGap: queries.refetch,
  });

  const urql = new Client({
    url: endpoint.href,
    preferGetMethod: false,
    fetch: async (input, init) => {
      const headers = { ...init?.headers, ...(await authorization()) };
      const limits = [AbortSignal.timeout(requestTimeoutMs), ...(init?.signal ? [init.signal] : [])];
      return request(input, { ...init, headers, signal: AbortSignal.any(limits) });
    },
    exchanges: [
      mapExchange({
        onError: (error) => {
          if (fromCombinedError(error).code === 'UNAUTHENTICATED') options.onUnauthenticated?.();
        },
      }),
      late.restore,
      groundcrewCache(),
      late.guard,
      queries.exchange,
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
    if (error || !data) throw error ? fromCombinedError(error) : new Error('The response has no data.');
    return data;
  }

  const groundcrew: Groundcrew = {
    urql,
    connection,
    createTask: async (input) => (await mutate(CreateTaskDocument, { input })).createTask,
    retryTask: async (id) => (await mutate(RetryTaskDocument, { id })).retryTask,
    cancelTask: async (id) => (await mutate(CancelTaskDocument, { id })).cancelTask,
    archiveTask: async (id) => (await mutate(ArchiveTaskDocument, { id })).archiveTask,
    createSession: async (input) => (await mutate(CreateSessionDocument, { input })).createSession,
    sendPrompt: async (input) => (await mutate(SendPromptDocument, { input })).sendPrompt,
    removePrompt: async (id) => (await mutate(RemovePromptDocument, { id })).removePrompt,
    answer: async (input) => (await mutate(AnswerAgentRequestDocument, { input })).answerAgentRequest,
    interrupt: async (id, promptId) =>
      (await mutate(InterruptSessionDocument, { id, promptId: promptId ?? null })).interruptSession,
    async task(id) {
      const { data, error } = await urql
        .query(TaskByIdDocument, { id }, { requestPolicy: 'network-only' })
        .toPromise();
      if (error) throw fromCombinedError(error);
      return data?.task ?? null;
    },
    watchTask: (id, { afterRevision, signal } = {}) =>
      watch({
        connection,
        document: TaskUpdatedDocument,
        variables: { id, afterRevision: afterRevision ?? null },
        select: (data) => data.taskUpdated,
        signal,
      }),
    watchTasks: ({ projectId, signal } = {}) =>
      watch({
        connection,
        document: TasksUpdatedDocument,
        variables: { projectId: projectId ?? null },
        select: (data) => data.tasksUpdated,
        signal,
      }),
    watchTranscript: (sessionId, { newestFirst = false, signal } = {}) =>
      watchTranscript({ connection, sessionId, newestFirst, signal }),
    async whenReady(id, { signal } = {}) {
      for await (const task of groundcrew.watchTask(id, signal ? { signal } : {})) {
        if (task.status === 'RUNNING') return task;
        if (task.status === 'ERROR' || task.status === 'CANCELED' || task.status === 'ARCHIVED') {
          throw new TaskNotReadyError(task);
        }
      }
      signal?.throwIfAborted();
      throw new Error('The subscription ended before the task was RUNNING.');
    },
    close: () => connection.close(),
  };
  return groundcrew;
}
