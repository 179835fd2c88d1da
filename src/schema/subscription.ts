import { taskUpdated } from '../resolvers/task-updated.ts';
import { tasksUpdated } from '../resolvers/tasks-updated.ts';
import { transcriptUpdated } from '../resolvers/transcript-updated.ts';
import { builder } from './builder.ts';
import { TaskRef } from './refs.ts';
import { TranscriptUpdateRef } from './transcript-update.ts';

builder.subscriptionFields((t) => ({
  taskUpdated: t.field({
    type: TaskRef,
    description:
      'Delivers every revision of one task, in order, each exactly once.\nWithout `afterRevision`: first the current revision, then each later one.\nWith `afterRevision`: each later revision, first from storage, then live. A client that reconnects passes the last revision\nthat it received, and misses nothing.',
    args: {
      id: t.arg.id({ required: true, description: 'The id of the task.' }),
      afterRevision: t.arg.int({
        description: 'The last revision that the client has received. 0 replays all revisions.',
      }),
    },
    subscribe: (_, { id, afterRevision }, context) => taskUpdated(id, afterRevision ?? null, context),
    resolve: (task) => task,
  }),
  transcriptUpdated: t.field({
    type: TranscriptUpdateRef,
    description:
      "Delivers a session's transcript, live. A client that applies every message, in order, holds at each `sequence` exactly what the\nserver holds.\nWithout `afterSequence`: from its beginning. With it: what has changed after that, then what changes. The first message comes\nat once, also when it has nothing to tell, and holds all that was missed, however much: a client that may be far behind reads\npages of `Session.items` together with `Session.sequence` first, and subscribes after that. A client that reconnects passes\nthe last `sequence` that it applied, and misses nothing. `afterSequence` beyond the newest, or negative: BAD_USER_INPUT.",
    args: {
      sessionId: t.arg.id({ required: true, description: 'The id of the session.' }),
      afterSequence: t.arg.int({ description: 'The last `sequence` that the client has applied.' }),
    },
    subscribe: (_, { sessionId, afterSequence }, context) =>
      transcriptUpdated(sessionId, afterSequence ?? null, context),
    resolve: (update) => update,
  }),
  tasksUpdated: t.field({
    type: TaskRef,
    description:
      'Delivers each task of the workspace when it is created or changes. Changes of one task in quick succession may be merged into\none message. The newest revision always arrives, and the revisions of one task never go backwards.',
    args: { projectId: t.arg.id({ description: 'Deliver only tasks of this project.' }) },
    subscribe: (_, { projectId }, context) => tasksUpdated(projectId ?? null, context),
    resolve: (task) => task,
  }),
}));
