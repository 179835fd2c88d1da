import { connectionOf } from './connection.ts';
import { StepNameEnum, TaskStatusEnum } from './enums.ts';
import { Node } from './node.ts';
import { TaskErrorRef, TaskEventRef, TaskRef } from './refs.ts';

export const TaskEventConnection = connectionOf('TaskEvent', TaskEventRef);

TaskEventRef.implement({
  description: 'One revision in the history of a task.',
  interfaces: [Node],
  fields: (t) => ({
    task: t.expose('task', { type: TaskRef, description: 'The task as it was at this revision.' }),
    revision: t.exposeInt('revision', { description: 'The revision that this event created.' }),
    kind: t.exposeString('kind', {
      description:
        '`task.created`, `task.named`, `task.status_changed`, `step.failed`, `session.ready` and others; more may be added.',
    }),
    status: t.expose('status', {
      type: TaskStatusEnum,
      description: 'The status of the task after this event.',
    }),
    step: t.expose('step', {
      type: StepNameEnum,
      nullable: true,
      description: 'The step that the event belongs to.',
    }),
    error: t.expose('error', {
      type: TaskErrorRef,
      nullable: true,
      description: 'The error that the event reports.',
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When the revision was written.' }),
    actor: t.exposeString('actor', {
      description: 'Who made the revision: a token by its name, `owner`, or `system`.',
    }),
  }),
});
