import { answerAgentRequest } from '../resolvers/answer-agent-request.ts';
import { archiveTask } from '../resolvers/archive-task.ts';
import { cancelTask } from '../resolvers/cancel-task.ts';
import { createApiToken } from '../resolvers/create-api-token.ts';
import { createSession } from '../resolvers/create-session.ts';
import { createTask } from '../resolvers/create-task.ts';
import { createTaskToken } from '../resolvers/create-task-token.ts';
import { createWebhook } from '../resolvers/create-webhook.ts';
import { createWorkspace } from '../resolvers/create-workspace.ts';
import { deleteWebhook } from '../resolvers/delete-webhook.ts';
import { interruptSession } from '../resolvers/interrupt-session.ts';
import { redeliver } from '../resolvers/redeliver.ts';
import { removePrompt } from '../resolvers/remove-prompt.ts';
import { retryTask } from '../resolvers/retry-task.ts';
import { revokeApiToken } from '../resolvers/revoke-api-token.ts';
import { rotateWebhookSecret } from '../resolvers/rotate-webhook-secret.ts';
import { sendPrompt } from '../resolvers/send-prompt.ts';
import { testWebhook } from '../resolvers/test-webhook.ts';
import { updateWebhook } from '../resolvers/update-webhook.ts';
import { AgentRequestRef } from './agent-request.ts';
import { CreatedTokenRef } from './api-token.ts';
import { builder } from './builder.ts';
import { CreateSessionInputRef } from './create-session-input.ts';
import { CreateTaskInputRef } from './create-task-input.ts';
import { PromptRef } from './prompt.ts';
import { AnswerAgentRequestInputRef, SendPromptInputRef } from './prompt-inputs.ts';
import { ApiTokenRef, SessionRef, TaskRef, WebhookDeliveryRef, WebhookRef } from './refs.ts';
import { CreateApiTokenInputRef, CreateTaskTokenInputRef, CreateWorkspaceInputRef } from './token-inputs.ts';
import { WebhookSecretRef } from './webhook.ts';
import { CreateWebhookInputRef, UpdateWebhookInputRef } from './webhook-inputs.ts';
import { WorkspaceRef } from './workspace.ts';

builder.mutationFields((t) => ({
  createTask: t.field({
    type: TaskRef,
    description:
      'Stores the task with its first session and queues its provisioning, in one transaction. Never waits for a sandbox, an agent, a\nsession, a repository or a worker.',
    args: {
      input: t.arg({ type: CreateTaskInputRef, required: true, description: 'What to do, and where.' }),
    },
    resolve: (_, { input }, context, info) => createTask(input, context, info.getAbortSignal()),
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
  sendPrompt: t.field({
    type: PromptRef,
    description:
      'Stores a prompt for a session and returns it. The background hands it to the agent, in the order in which prompts were stored,\neach once. A session that is not READY yet takes it when it is. INVALID_STATE for a session that is ERROR or CLOSED or has no\ntranscript, and for a task that is CANCELED or ARCHIVED.',
    args: {
      input: t.arg({
        type: SendPromptInputRef,
        required: true,
        description: 'The session, and what is asked.',
      }),
    },
    resolve: (_, { input }, context) => sendPrompt(input, context),
  }),
  removePrompt: t.field({
    type: PromptRef,
    description:
      'Takes a prompt back that the agent has not got yet. INVALID_STATE unless it is QUEUED; one that is REMOVED is returned unchanged.',
    args: { id: t.arg.id({ required: true, description: 'The id of the prompt.' }) },
    resolve: (_, { id }, context) => removePrompt(id, context),
  }),
  interruptSession: t.field({
    type: SessionRef,
    description:
      'Stops what the agent is doing, and returns at once. Its turn ends as CANCELED; open requests of the session are CANCELED. An\nagent that does not stop by itself within 10 seconds is ended, and started again. Nothing happens to a session that is not\nworking. Prompts that are QUEUED stay, and go on. With `promptId`: only while the agent works on that one, so that a call that\nis repeated does not stop the next.',
    args: {
      id: t.arg.id({ required: true, description: 'The id of the session.' }),
      promptId: t.arg.id({ description: 'The prompt whose turn is to be stopped.' }),
    },
    resolve: (_, { id, promptId }, context) => interruptSession(id, promptId ?? null, context),
  }),
  answerAgentRequest: t.field({
    type: AgentRequestRef,
    description:
      'Answers what an agent waits for. The first answer counts: a later one with the same option returns the request unchanged, with\nanother option it fails with INVALID_STATE. A request that is CANCELED or EXPIRED: INVALID_STATE. An option that it does not\nhave: BAD_USER_INPUT.',
    args: {
      input: t.arg({
        type: AnswerAgentRequestInputRef,
        required: true,
        description: 'The request, and the option.',
      }),
    },
    resolve: (_, { input }, context) => answerAgentRequest(input, context),
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
  createWebhook: t.field({
    type: WebhookSecretRef,
    authScopes: { ADMIN: true },
    description:
      'Makes a webhook: from now on each revision of the workspace that it asks for is sent to its URL, signed. At most 10 in a\nworkspace (QUOTA_EXCEEDED). Its secret is in this answer and nowhere else. Needs the scope ADMIN.',
    args: {
      input: t.arg({ type: CreateWebhookInputRef, required: true, description: 'Where to send, and what.' }),
    },
    resolve: (_, { input }, context) => createWebhook(input, context),
  }),
  updateWebhook: t.field({
    type: WebhookRef,
    authScopes: { ADMIN: true },
    description:
      'Changes a webhook; what the input leaves out stays. What waits is sent at once, and its days of retries begin anew. Needs the\nscope ADMIN.',
    args: {
      input: t.arg({ type: UpdateWebhookInputRef, required: true, description: 'What changes.' }),
    },
    resolve: (_, { input }, context) => updateWebhook(input, context),
  }),
  deleteWebhook: t.field({
    type: WebhookRef,
    authScopes: { ADMIN: true },
    description:
      'Ends a webhook, and returns it as it was. What it has not sent is not sent any more. Needs the scope ADMIN.',
    args: { id: t.arg.id({ required: true, description: 'The id of the webhook.' }) },
    resolve: (_, { id }, context) => deleteWebhook(id, context),
  }),
  rotateWebhookSecret: t.field({
    type: WebhookSecretRef,
    authScopes: { ADMIN: true },
    description:
      'Gives a webhook a new secret, which is in this answer and nowhere else. For 24 hours the secret before signs too. Needs the\nscope ADMIN.',
    args: { id: t.arg.id({ required: true, description: 'The id of the webhook.' }) },
    resolve: (_, { id }, context) => rotateWebhookSecret(id, context),
  }),
  testWebhook: t.field({
    type: WebhookDeliveryRef,
    authScopes: { ADMIN: true },
    description:
      'Queues a message of type `webhook.test`, and returns its delivery. It is attempted once, also while the webhook is switched\noff. Needs the scope ADMIN.',
    args: { id: t.arg.id({ required: true, description: 'The id of the webhook.' }) },
    resolve: (_, { id }, context) => testWebhook(id, context),
  }),
  redeliver: t.field({
    type: WebhookDeliveryRef,
    authScopes: { ADMIN: true },
    description:
      'Queues a delivery once more, under the same message id, before what waits for its task. Needs the scope ADMIN.',
    args: { id: t.arg.id({ required: true, description: 'The id of the delivery.' }) },
    resolve: (_, { id }, context) => redeliver(id, context),
  }),
}));
