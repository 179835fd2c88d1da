import { archiveTask } from '../resolvers/archive-task.ts';
import { cancelTask } from '../resolvers/cancel-task.ts';
import { createSession } from '../resolvers/create-session.ts';
import { createTask } from '../resolvers/create-task.ts';
import { retryTask } from '../resolvers/retry-task.ts';
import { builder } from './builder.ts';
import { CreateSessionInputRef, CreateTaskInputRef } from './inputs.ts';
import { SessionRef, TaskRef } from './task.ts';

builder.mutationFields((t) => ({
  createTask: t.field({
    type: TaskRef,
    description:
      'Stores the task with its first session and queues its provisioning, in one transaction, and returns.\nIt never waits for a sandbox, an agent, a session, a repository or a worker.',
    args: {
      input: t.arg({ type: CreateTaskInputRef, required: true, description: 'What to do, and where.' }),
    },
    resolve: (_, { input }, context) => createTask(input, context),
  }),
  retryTask: t.field({
    type: TaskRef,
    description:
      'Queues provisioning again, from the step that failed. From ERROR; INVALID_STATE from any other status.',
    args: { id: t.arg.id({ required: true, description: "The task's id." }) },
    resolve: (_, { id }, context) => retryTask(id, context),
  }),
  cancelTask: t.field({
    type: TaskRef,
    description:
      'Stops the task wherever it is, also in the middle of a step, and destroys its sandbox in the background. From any status but\nARCHIVED (INVALID_STATE); a CANCELED task is returned as it is.',
    args: { id: t.arg.id({ required: true, description: "The task's id." }) },
    resolve: (_, { id }, context) => cancelTask(id, context),
  }),
  archiveTask: t.field({
    type: TaskRef,
    description:
      'Releases the sandbox in the background and keeps the task and its history. From RUNNING and ERROR (INVALID_STATE from others);\nan ARCHIVED task is returned as it is.',
    args: { id: t.arg.id({ required: true, description: "The task's id." }) },
    resolve: (_, { id }, context) => archiveTask(id, context),
  }),
  createSession: t.field({
    type: SessionRef,
    description:
      'Stores one more session (a tab) of the task and returns it, ready or not. From any INIT status, RUNNING and ERROR.',
    args: {
      input: t.arg({
        type: CreateSessionInputRef,
        required: true,
        description: 'Which task, and what to say.',
      }),
    },
    resolve: (_, { input }, context) => createSession(input, context),
  }),
}));
