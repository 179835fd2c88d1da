import { archiveTask } from '../resolvers/archive-task.ts';
import { cancelTask } from '../resolvers/cancel-task.ts';
import { createSession } from '../resolvers/create-session.ts';
import { createTask } from '../resolvers/create-task.ts';
import { retryTask } from '../resolvers/retry-task.ts';
import { builder } from './builder.ts';
import { CreateSessionInputRef } from './create-session-input.ts';
import { CreateTaskInputRef } from './create-task-input.ts';
import { SessionRef, TaskRef } from './refs.ts';

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
}));
