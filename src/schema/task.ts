import { projectTasks } from '../resolvers/project-tasks.ts';
import { taskEvents } from '../resolvers/task-events.ts';
import type { Project, Sandbox, Step, Task, TaskEvent, TaskFailure } from '../tasks/domain/task.ts';
import { availableActions } from '../tasks/domain/task-machine.ts';
import { sessionsOf, type TaskSession } from '../tasks/domain/task-session.ts';
import type { TaskFilter } from '../tasks/store/task-queries.ts';
import { builder } from './builder.ts';
import { connectionCost, connectionOf, pageArgs } from './connection.ts';
import { SessionStatusEnum, StepNameEnum, StepStateEnum, TaskActionEnum, TaskStatusEnum } from './enums.ts';
import { Node } from './node.ts';

// The aggregate, in one file as it is in one row: a task with its project, steps, sandbox, sessions and events.

export const TaskRef = builder.objectRef<Task>('Task');
export const SessionRef = builder.objectRef<TaskSession>('Session');
const TaskEventRef = builder.objectRef<TaskEvent>('TaskEvent');
const ProjectRef = builder.objectRef<Project>('Project');
const TaskErrorRef = builder.objectRef<TaskFailure>('TaskError');
const ProvisionStep = builder.objectRef<Step>('ProvisionStep');
const SandboxRef = builder.objectRef<Sandbox>('Sandbox');

export const TaskConnection = connectionOf('Task', TaskRef);
export const ProjectConnection = connectionOf('Project', ProjectRef);
const TaskEventConnection = connectionOf('TaskEvent', TaskEventRef);

export const TaskFilterInput = builder.inputRef<TaskFilter>('TaskFilter');
TaskFilterInput.implement({
  description: 'Which tasks; all that is given must hold.',
  fields: (t) => ({
    status: t.field({ type: [TaskStatusEnum], description: 'In one of these.' }),
    projectId: t.id({ description: 'Of this project.' }),
    search: t.string({ description: 'Words of the title or the prompt.' }),
  }),
});

TaskRef.implement({
  description: 'One piece of work for a coding agent, on a branch of its own.',
  interfaces: [Node],
  fields: (t) => ({
    revision: t.exposeInt('revision', {
      description: '1 when created, and one more at every change of the task or of its sessions. No gaps.',
    }),
    status: t.field({
      type: TaskStatusEnum,
      description: 'Where it is.',
      resolve: ({ state }) => state.status,
    }),
    error: t.field({
      type: TaskErrorRef,
      nullable: true,
      description: 'Set while status is ERROR.',
      resolve: ({ state }) => state.error,
    }),
    project: t.expose('project', { type: ProjectRef, description: 'The repository that it works on.' }),
    prompt: t.exposeString('prompt', {
      description: 'What the agent is asked to do: the first message of the first session.',
    }),
    title: t.string({
      nullable: true,
      description: 'Null until settled.',
      resolve: ({ state }) => state.title,
    }),
    branchName: t.string({
      nullable: true,
      description: 'Null until settled.',
      resolve: ({ state }) => state.branchName,
    }),
    baseRef: t.exposeString('baseRef', {
      nullable: true,
      description: "The branch or commit that it starts from; null: the repository's default branch.",
    }),
    provider: t.exposeString('provider', {
      description: 'Who makes its sandbox: a name from `Query.providers`.',
    }),
    agent: t.exposeString('agent', { description: 'The coding agent.' }),
    steps: t.field({
      type: [ProvisionStep],
      description: 'Always the same four, in their order.',
      complexity: { multiplier: 4 },
      resolve: ({ state }) => state.steps,
    }),
    sandbox: t.field({
      type: SandboxRef,
      nullable: true,
      description: 'Null until created, and again once released.',
      resolve: ({ state }) => state.sandbox,
    }),
    sessions: t.field({
      type: [SessionRef],
      description: 'Oldest first. The first one is stored together with the task.',
      resolve: (task) => sessionsOf(task),
    }),
    events: t.field({
      type: TaskEventConnection,
      description: 'The history, oldest first. `first` goes up to 100, and defaults to 50.',
      args: pageArgs,
      ...connectionCost,
      resolve: (task, page, context) => taskEvents(task, page, context),
    }),
    availableActions: t.field({
      type: [TaskActionEnum],
      description: 'What may be done with the task now.',
      resolve: ({ state }) => availableActions(state.status),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When this revision came about.' }),
    readyAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it first was RUNNING.',
      resolve: ({ state }) => state.readyAt,
    }),
  }),
});

ProvisionStep.implement({
  description: 'One of the four steps that get a task ready.',
  fields: (t) => ({
    name: t.expose('name', { type: StepNameEnum, description: 'Which step.' }),
    state: t.expose('state', { type: StepStateEnum, description: 'How it is doing.' }),
    attempt: t.exposeInt('attempt', { description: '0 until it first runs; one more for each try.' }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the last try began.',
    }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the last try ended.',
    }),
    deadlineAt: t.expose('deadlineAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the running try times out.',
    }),
    nextAttemptAt: t.expose('nextAttemptAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When a failed try is tried again.',
    }),
    error: t.expose('error', {
      type: TaskErrorRef,
      nullable: true,
      description: 'The last failure, kept when a later try succeeds.',
    }),
  }),
});

TaskErrorRef.implement({
  description: 'Why something failed.',
  fields: (t) => ({
    code: t.exposeString('code', {
      description:
        'For programs: STEP_TIMEOUT, REPOSITORY_NOT_FOUND, SANDBOX_FAILED, AGENT_FAILED, SESSION_FAILED, …',
    }),
    message: t.exposeString('message', { description: 'For people. Holds no secret, no stack and no SQL.' }),
    step: t.expose('step', { type: StepNameEnum, nullable: true, description: 'The step that failed.' }),
    retryable: t.exposeBoolean('retryable', { description: 'Whether another try may help.' }),
  }),
});

SandboxRef.implement({
  description: 'Where the agent works.',
  fields: (t) => ({
    id: t.exposeString('id', { description: "The provider's own id." }),
    provider: t.exposeString('provider', { description: 'Who made it.' }),
    cwd: t.exposeString('cwd', { nullable: true, description: "The checkout's path inside the sandbox." }),
  }),
});

SessionRef.implement({
  description: "One conversation with an agent in the task's sandbox.",
  interfaces: [Node],
  fields: (t) => ({
    task: t.expose('task', { type: TaskRef, description: 'The task that it belongs to.' }),
    agent: t.exposeString('agent', { description: 'The coding agent.' }),
    status: t.expose('status', { type: SessionStatusEnum, description: 'Where it is.' }),
    error: t.expose('error', {
      type: TaskErrorRef,
      nullable: true,
      description: 'Why the last try to open it failed; null once it is ready.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was stored.' }),
    readyAt: t.expose('readyAt', { type: 'DateTime', nullable: true, description: 'When it was READY.' }),
  }),
});

TaskEventRef.implement({
  description: 'One revision of a task.',
  interfaces: [Node],
  fields: (t) => ({
    task: t.expose('task', { type: TaskRef, description: 'The task, as it was at this revision.' }),
    revision: t.exposeInt('revision', { description: 'The number of the change.' }),
    kind: t.exposeString('kind', {
      description: '`task.created`, `task.named`, `task.status_changed`, `step.failed`, `session.ready`, …',
    }),
    status: t.expose('status', { type: TaskStatusEnum, description: 'Where the task was from then on.' }),
    step: t.expose('step', { type: StepNameEnum, nullable: true, description: 'The step that it is about.' }),
    error: t.expose('error', { type: TaskErrorRef, nullable: true, description: 'What went wrong.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When it came about.' }),
  }),
});

ProjectRef.implement({
  description: 'A repository in a workspace.',
  interfaces: [Node],
  fields: (t) => ({
    repoUrl: t.exposeString('repoUrl', { description: 'The one spelling that all spellings of it come to.' }),
    name: t.exposeString('name', { description: '`owner/name`, or the last part of the path.' }),
    tasks: t.field({
      type: TaskConnection,
      description: 'Its tasks, newest first. `first` and `last` go up to 100, and default to 50.',
      args: { ...pageArgs, filter: t.arg({ type: TaskFilterInput, description: 'Which of them.' }) },
      ...connectionCost,
      resolve: (project, { filter, ...page }, context) => projectTasks(project, filter ?? {}, page, context),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When its first task was created.' }),
  }),
});
