import { SessionStatusEnum } from './enums.ts';
import { Node } from './node.ts';
import { SessionRef, TaskErrorRef, TaskRef } from './refs.ts';

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
    readyAt: t.expose('readyAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the status became READY.',
    }),
  }),
});
