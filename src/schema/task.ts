import { taskEvents } from '../resolvers/task-events.ts';
import { availableActions } from '../tasks/domain/task-machine.ts';
import { sessionsOf } from '../tasks/domain/task-session.ts';
import { openRequestsOf } from '../tasks/domain/task-state.ts';
import { connectionCost, connectionOf, pageArgs } from './connection.ts';
import { TaskActionEnum, TaskStatusEnum } from './enums.ts';
import { Node } from './node.ts';
import { ProjectRef, ProvisionStepRef, SandboxRef, SessionRef, TaskErrorRef, TaskRef } from './refs.ts';
import { TaskEventConnection } from './task-event.ts';

export const TaskConnection = connectionOf('Task', TaskRef);

TaskRef.implement({
  description: 'One piece of work for a coding agent, on a branch of its own.',
  interfaces: [Node],
  fields: (t) => ({
    revision: t.exposeInt('revision', {
      description:
        '1 when the task is created. Each change of the task or of its sessions adds 1, so there are no gaps.',
    }),
    status: t.field({
      type: TaskStatusEnum,
      description: 'The current status.',
      resolve: ({ state }) => state.status,
    }),
    error: t.field({
      type: TaskErrorRef,
      nullable: true,
      description: 'Why provisioning failed. Set while the status is ERROR.',
      resolve: ({ state }) => state.error,
    }),
    project: t.expose('project', { type: ProjectRef, description: 'The repository that the task works on.' }),
    prompt: t.exposeString('prompt', {
      description: 'What the agent is asked to do: the first message of the first session.',
    }),
    title: t.string({
      nullable: true,
      description: 'Null until the step ENSURE_NAME has settled it.',
      resolve: ({ state }) => state.title,
    }),
    branchName: t.string({
      nullable: true,
      description: 'Null until the step ENSURE_NAME has settled it.',
      resolve: ({ state }) => state.branchName,
    }),
    baseRef: t.exposeString('baseRef', {
      nullable: true,
      description:
        "The branch or commit that the work starts from. Null means the repository's default branch.",
    }),
    provider: t.exposeString('provider', {
      description: 'The name of the sandbox provider, from `Query.providers`.',
    }),
    agent: t.exposeString('agent', { description: 'The coding agent of the first session.' }),
    steps: t.field({
      type: [ProvisionStepRef],
      description: 'The four provisioning steps, always in the same order.',
      complexity: { multiplier: 4 },
      resolve: ({ state }) => state.steps,
    }),
    sandbox: t.field({
      type: SandboxRef,
      nullable: true,
      description: 'Null until the sandbox is created, and again after it is released.',
      resolve: ({ state }) => state.sandbox,
    }),
    sessions: t.field({
      type: [SessionRef],
      description: 'Oldest first. The first session is stored together with the task.',
      resolve: (task) => sessionsOf(task),
    }),
    events: t.field({
      type: TaskEventConnection,
      description: 'The history, oldest first. `first` and `last` are at most 100; the default is 50.',
      args: pageArgs,
      ...connectionCost,
      resolve: (task, page, context) => taskEvents(task, page, context),
    }),
    availableActions: t.field({
      type: [TaskActionEnum],
      description: 'The actions that the current status allows.',
      resolve: ({ state }) => availableActions(state.status),
    }),
    openRequests: t.int({
      description: 'How many requests of its agents wait for an answer. A change of it is a revision.',
      resolve: ({ state }) => openRequestsOf(state),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the task was created.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When this revision was written.' }),
    readyAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the status first became RUNNING.',
      resolve: ({ state }) => state.readyAt,
    }),
  }),
});
