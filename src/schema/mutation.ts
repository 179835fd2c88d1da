import { archiveTask } from '../resolvers/archive-task.ts';
import { cancelTask } from '../resolvers/cancel-task.ts';
import { createApiToken } from '../resolvers/create-api-token.ts';
import { createSession } from '../resolvers/create-session.ts';
import { createTask } from '../resolvers/create-task.ts';
import { createTaskToken } from '../resolvers/create-task-token.ts';
import { createWorkspace } from '../resolvers/create-workspace.ts';
import { retryTask } from '../resolvers/retry-task.ts';
import { revokeApiToken } from '../resolvers/revoke-api-token.ts';
import { CreatedTokenRef } from './api-token.ts';
import { builder } from './builder.ts';
import { CreateSessionInputRef } from './create-session-input.ts';
import { CreateTaskInputRef } from './create-task-input.ts';
import { ApiTokenRef, SessionRef, TaskRef } from './refs.ts';
import { CreateApiTokenInputRef, CreateTaskTokenInputRef, CreateWorkspaceInputRef } from './token-inputs.ts';
import { WorkspaceRef } from './workspace.ts';

builder.mutationFields((t) => ({
  createTask: t.field({
    type: TaskRef,
    description:
      'Stores the task with its first session and queues its provisioning, in one transaction. Never waits for a sandbox, an agent, a\nsession, a repository or a worker.',
    args: {
      input: t.arg({ type: CreateTaskInputRef, required: true, description: 'What to do, and where.' }),
    },
    resolve: (_, { input }, context) => createTask(input, context),
  }),
  retryTask: t.field({
    type: TaskRef,
    description:
      'Queues provisioning again, from the step that failed. Allowed in status ERROR; otherwise INVALID_STATE.',
    args: { id: t.arg.id({ required: true, description: 'The id of the task.' }) },
    resolve: (_, { id }, context) => retryTask(id, context),
  }),
  cancelTask: t.field({
    type: TaskRef,
    description:
      'Stops the task, also in the middle of a step, and destroys its sandbox in the background. Allowed in every status except\nARCHIVED (INVALID_STATE). A CANCELED task is returned unchanged.',
    args: { id: t.arg.id({ required: true, description: 'The id of the task.' }) },
    resolve: (_, { id }, context) => cancelTask(id, context),
  }),
  archiveTask: t.field({
    type: TaskRef,
    description:
      'Destroys the sandbox in the background and keeps the task and its history. Allowed in the statuses RUNNING and ERROR; otherwise\nINVALID_STATE. An ARCHIVED task is returned unchanged.',
    args: { id: t.arg.id({ required: true, description: 'The id of the task.' }) },
    resolve: (_, { id }, context) => archiveTask(id, context),
  }),
  createSession: t.field({
    type: SessionRef,
    description:
      'Stores one more session of the task and returns it at once; the session is opened in the background. Allowed in every status\nexcept CANCELED and ARCHIVED (INVALID_STATE).',
    args: {
      input: t.arg({
        type: CreateSessionInputRef,
        required: true,
        description: 'The task, and the first message.',
      }),
    },
    resolve: (_, { input }, context) => createSession(input, context),
  }),
  createWorkspace: t.field({
    type: WorkspaceRef,
    authScopes: { owner: true },
    description: 'Makes one more workspace. For the owner alone; FORBIDDEN for others.',
    args: { input: t.arg({ type: CreateWorkspaceInputRef, required: true, description: 'Its name.' }) },
    resolve: (_, { input }, context) => createWorkspace(input, context),
  }),
  createApiToken: t.field({
    type: CreatedTokenRef,
    authScopes: { ADMIN: true },
    description:
      "Makes a token of the viewer's workspace, or, for the owner, of any. Its text is in this answer and nowhere else. Needs the\nscope ADMIN.",
    args: {
      input: t.arg({
        type: CreateApiTokenInputRef,
        required: true,
        description: 'Its name, and what it may do.',
      }),
    },
    resolve: (_, { input }, context) => createApiToken(input, context),
  }),
  createTaskToken: t.field({
    type: CreatedTokenRef,
    skipTypeScopes: true,
    authScopes: { $all: { TASKS_READ: true, workspaceToken: true } },
    description:
      'Makes a token that reads one task, with its sessions and events, by query and subscription. To everything else it is a\nstranger. Needs the scope TASKS_READ.',
    args: {
      input: t.arg({
        type: CreateTaskTokenInputRef,
        required: true,
        description: 'The task, and how long the token lives.',
      }),
    },
    resolve: (_, { input }, context) => createTaskToken(input, context),
  }),
  revokeApiToken: t.field({
    type: ApiTokenRef,
    authScopes: { ADMIN: true },
    description:
      'Ends a token: from this answer on it opens nothing, and within a second its sockets are closed with 4403, at every server. One\nthat is revoked already is returned unchanged. Needs the scope ADMIN.',
    args: { id: t.arg.id({ required: true, description: 'The id of the token.' }) },
    resolve: (_, { id }, context) => revokeApiToken(id, context),
  }),
}));
