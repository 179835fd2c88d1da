import { taskUpdated } from '../resolvers/task-updated.ts';
import { tasksUpdated } from '../resolvers/tasks-updated.ts';
import { builder } from './builder.ts';
import { TaskRef } from './task.ts';

builder.subscriptionFields((t) => ({
  taskUpdated: t.field({
    type: TaskRef,
    description:
      'Every revision of one task, in order, each exactly once.\nWithout `afterRevision`: first the task as it is now, then each later revision.\nWith it: each revision after that one, replayed from storage, then the live ones. A client that reconnects\npasses the last revision that it saw, and misses nothing.',
    args: {
      id: t.arg.id({ required: true, description: "The task's id." }),
      afterRevision: t.arg.int({ description: 'The last revision that was seen; 0 replays from the first.' }),
    },
    subscribe: (_, { id, afterRevision }, context) => taskUpdated(id, afterRevision ?? null, context),
    resolve: (task) => task,
  }),
  tasksUpdated: t.field({
    type: TaskRef,
    description:
      "The workspace's task list, live: a task whenever it is created or changes. Changes of one task that follow closely\nmay be merged, the newest revision always arrives, and revisions of one task never go backwards.",
    args: { projectId: t.arg.id({ description: 'Only the tasks of this project.' }) },
    subscribe: (_, { projectId }, context) => tasksUpdated(projectId ?? null, context),
    resolve: (task) => task,
  }),
}));
