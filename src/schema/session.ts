import { sessionPrompts, sessionRequests, sessionUndeliveredPrompts } from '../resolvers/session-prompts.ts';
import { sessionItems, sessionSequence } from '../resolvers/session-transcript.ts';
import { activityOf } from '../tasks/domain/task-state.ts';
import { AgentRequestRef } from './agent-request.ts';
import { connectionCost, pageArgs } from './connection.ts';
import { SessionActivityEnum, SessionStatusEnum } from './enums.ts';
import { Node } from './node.ts';
import { PromptRef } from './prompt.ts';
import { SessionRef, TaskErrorRef, TaskRef } from './refs.ts';
import { TranscriptItemConnection } from './transcript-item.ts';

SessionRef.implement({
  description: "One conversation with an agent in the task's sandbox.",
  interfaces: [Node],
  fields: (t) => ({
    task: t.expose('task', { type: TaskRef, description: 'The task that the session belongs to.' }),
    agent: t.exposeString('agent', { description: 'The coding agent.' }),
    status: t.expose('status', { type: SessionStatusEnum, description: 'The current status.' }),
    error: t.expose('error', {
      type: TaskErrorRef,
      nullable: true,
      description: 'Why the latest attempt to open the session failed. Null once the session is READY.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the session was stored.' }),
    activity: t.field({
      type: SessionActivityEnum,
      description: 'What its agent is doing. A change of it is a revision of the task.',
      resolve: (session) => activityOf(session),
    }),
    prompts: t.field({
      type: [PromptRef],
      description:
        'Prompts that are QUEUED, SENDING or ACCEPTED, in their order. A change of a prompt is a revision of the task.',
      resolve: (session, _args, context) => sessionPrompts(session, context),
    }),
    undeliveredPrompts: t.field({
      type: [PromptRef],
      description:
        'Prompts that the agent has not got, as far as is known: UNKNOWN, or FAILED because the session ended before. In their order. None\nof them is sent again by itself, unless `retryTask` opens the session after all.',
      resolve: (session, _args, context) => sessionUndeliveredPrompts(session, context),
    }),
    requests: t.field({
      type: [AgentRequestRef],
      description: 'The OPEN ones. A change of a request is a revision of the task.',
      resolve: (session, _args, context) => sessionRequests(session, context),
    }),
    sequence: t.int({
      description:
        "The number of the last change of the transcript's items; 0 while it is empty. Asked for together with `items` in one operation,\nboth are of one moment.",
      resolve: (session, _args, context) => sessionSequence(session, context),
    }),
    items: t.field({
      type: TranscriptItemConnection,
      description: 'The transcript, oldest first. `first` and `last` are at most 100; the default is 50.',
      args: pageArgs,
      ...connectionCost,
      resolve: (session, page, context) => sessionItems(session, page, context) as never,
    }),
    readyAt: t.expose('readyAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the status became READY.',
    }),
  }),
});
